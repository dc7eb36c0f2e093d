import { describe, expect, it } from 'vitest';
import type { Step } from '../../../shared/engines/engine.ts';
import { compiledSteps, specsOf } from '../../../shared/engines/onnx/compiled-steps.ts';
import type { Task } from '../../../shared/engines/onnx/task.ts';
import { startThread } from '../../../shared/engines/onnx/thread.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';

/** A function of its own each time, that is written down as others with this factor are. */
const scaledBy =
  (factor: number): Step =>
  (library, { inputs }) => ({ results: { y: library.mul(inputs.x!, factor) } });

/** Compiles in a real thread, and notes what the thread is asked to compile and to forget. */
async function open() {
  const { tf } = await openEngine('onnx');
  const thread = startThread();
  await thread.ask({ do: 'load' });
  const asked: string[] = [];
  const noting = {
    ask(task: Task, transfer?: readonly ArrayBuffer[]) {
      if (task.do === 'compile' || task.do === 'forget') asked.push(`${task.do} ${task.session}`);
      return thread.ask(task, transfer);
    },
  };
  const begin = compiledSteps(tf, noting, { threads: 1, block: 1, mostUpdateBytes: 0 });
  const steps = begin();
  const shapes = (length: number) => ({
    fixed: new Map(),
    carried: new Map(),
    inputs: new Map([['x', { shape: [length], data: new Float32Array(length).fill(3) }]]),
  });
  let loops = 0;
  return {
    asked,
    begin,
    compile: (step: Step, length = 2) => steps.compiled(step, specsOf(shapes(length).inputs, 'inputs/')),
    async run(step: Step, length = 2, from = steps) {
      const loop = ++loops;
      const { inputs, ...given } = shapes(length);
      await thread.ask({ do: 'begin', loop, ...given, memories: [] });
      const compiled = await from.compiled(step, specsOf(inputs, 'inputs/'));
      const results = await thread.ask({ do: 'step', loop, inputs, ...compiled });
      return [...results.get('y')!.data];
    },
  };
}

describe('compiled steps', () => {
  it('that are written down as the same graph are compiled once', async () => {
    const { asked, compile, run } = await open();
    const sessions = await Promise.all([compile(scaledBy(2)), compile(scaledBy(2)), compile(scaledBy(2))]);
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(1);
    expect(asked).toEqual(['compile 1']);
    expect(await run(scaledBy(2))).toEqual([6, 6]);
    expect(asked).toEqual(['compile 1']);
  });

  it('of another graph are another, be it by a constant or a shape alone', async () => {
    const { asked, run } = await open();
    expect(await run(scaledBy(2))).toEqual([6, 6]);
    expect(await run(scaledBy(5))).toEqual([15, 15]);
    expect(await run(scaledBy(2), 3)).toEqual([6, 6, 6]);
    expect(asked).toEqual(['compile 1', 'compile 2', 'compile 3']);
  });

  it('are forgotten, the one that was used longest ago first, when there are more than eight graphs', async () => {
    const { asked, run } = await open();
    const first = scaledBy(1);
    for (let factor = 1; factor <= 8; factor++) await run(factor === 1 ? first : scaledBy(factor));
    await run(first);
    asked.length = 0;
    await run(scaledBy(9));
    await run(scaledBy(10));
    expect(asked).toEqual(['compile 9', 'forget 2', 'compile 10', 'forget 3']);
    expect(await run(first)).toEqual([3, 3]);
    expect(await run(scaledBy(2))).toEqual([6, 6]);
    expect(asked.slice(4)).toEqual(['compile 11', 'forget 4']);
  });

  it('stay in memory while a step of their graph is kept', async () => {
    const { asked, run } = await open();
    const kept = scaledBy(1);
    for (let factor = 1; factor <= 40; factor++) {
      expect(await run(scaledBy(factor))).toEqual([3 * factor, 3 * factor]);
      expect(await run(kept)).toEqual([3, 3]);
    }
    expect(asked).not.toContain('forget 1');
    expect(asked.filter((each) => each.startsWith('forget'))).toHaveLength(32);
  });

  it('are given up at the end of a loop, unless another one uses them, and compiled again when they are asked for', async () => {
    const { asked, begin, run } = await open();
    const [first, second] = [begin(), begin()];
    expect(await run(scaledBy(2), 2, first)).toEqual([6, 6]);
    expect(await run(scaledBy(2), 2, second)).toEqual([6, 6]);
    await first.release(true);
    expect(asked).toEqual(['compile 1']);
    await second.release(true);
    await second.release(true);
    expect(asked).toEqual(['compile 1', 'forget 1']);
    expect(await run(scaledBy(2), 2, begin())).toEqual([6, 6]);
    expect(asked).toEqual(['compile 1', 'forget 1', 'compile 2']);
  });

  it('stay as they are at the end of a small loop', async () => {
    const { asked, begin, run } = await open();
    const steps = begin();
    const step = scaledBy(2);
    await run(step, 2, steps);
    await steps.release(false);
    await run(step, 2, begin());
    expect(asked).toEqual(['compile 1']);
  });

  it('that can not be compiled are tried again', async () => {
    const { asked, compile } = await open();
    const reading: Step = (library, { inputs }) => ({ results: { y: library.scalar(inputs.x!.dataSync()[0]!) } });
    await expect(compile(reading)).rejects.toThrow();
    await expect(compile(reading)).rejects.toThrow();
    expect(asked).toEqual([]);
  });
});
