import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { moduleOf } from '../../support/child.ts';
import { temporaryFolder } from '../../support/small-run.ts';

/** Prints the peak memory in MiB before and after what `use` does with an engine. */
const program = (use: string) => `
import { openEngine } from ${moduleOf('shared/engines/open-engine.ts')};
const engine = await openEngine('onnx');
const filled = (...shape) => ({ shape, data: new Float32Array(shape.reduce((all, size) => all * size, 1)).fill(0.5) });
const peak = () => process.resourceUsage().maxRSS / 1024;
const empty = new Map();
${use}
process.exit(0);`;

async function peaks(use: string): Promise<{ before: number; after: number }> {
  const main = join(await temporaryFolder(), 'main.ts');
  await writeFile(main, program(use));
  return JSON.parse((await promisify(execFile)(process.execPath, [main])).stdout);
}

it('frees the sessions of shapes that are no longer used', async () => {
  // Each shape needs some 50 MiB: forty of them 2 GiB (1.9 were seen), the eight that are kept 400 MiB (0.5 GiB were seen).
  const { before, after } = await peaks(`
    const step = (tf, { inputs }) => ({ results: { sum: tf.sum(tf.sin(tf.cumsum(tf.exp(inputs.x)))) } });
    const loop = await engine.loop(step, { fixed: empty, carried: empty });
    await loop.run(new Map([['x', filled(2000, 2000)]]));
    const before = peak();
    for (let size = 2001; size <= 2040; size++) await loop.run(new Map([['x', filled(2000, size)]]));
    console.log(JSON.stringify({ before, after: peak() }));`);
  expect(after - before).toBeLessThan(1000);
});

it('frees the tensors of loops that are closed', async () => {
  // 16 MiB carried, and as much in turn: sixty loops 1.9 GiB.
  const { before, after } = await peaks(`
    const step = (tf, { carried }) => ({ carried: { x: tf.add(carried.x, 1) }, results: {} });
    const once = async () => {
      const loop = await engine.loop(step, { fixed: empty, carried: new Map([['x', filled(2048, 2048)]]) });
      await loop.run(empty);
      await loop.finish();
    };
    for (let time = 0; time < 10; time++) await once();
    const before = peak();
    for (let time = 0; time < 60; time++) await once();
    console.log(JSON.stringify({ before, after: peak() }));`);
  expect(after - before).toBeLessThan(500);
});

it('needs no more memory after 200 steps than after 20', async () => {
  // Inputs and results of 8 MiB a step: 1.4 GiB if they were kept.
  const { before, after } = await peaks(`
    const step = (tf, { carried, inputs }) => ({
      carried: { total: tf.add(carried.total, inputs.x) },
      results: { y: tf.mul(inputs.x, 2) },
    });
    const loop = await engine.loop(step, { fixed: empty, carried: new Map([['total', filled(1024, 1024)]]) });
    for (let time = 0; time < 20; time++) await loop.run(new Map([['x', filled(1024, 1024)]]));
    const before = peak();
    for (let time = 0; time < 180; time++) await loop.run(new Map([['x', filled(1024, 1024)]]));
    console.log(JSON.stringify({ before, after: peak() }));`);
  expect(after - before).toBeLessThan(400);
});

it('widens matrices in 16 bits one after the other, forward and backward', async () => {
  // 24 matrices of 8 MiB in 16 bits; widened all at once they would take 384 MiB.
  const { before, after } = await peaks(`
    const names = Array.from({ length: 24 }, (_, number) => 'w' + number);
    const half = () => ({
      shape: [2048, 2048],
      dtype: 'bfloat16',
      data: new Uint16Array(new SharedArrayBuffer(2 ** 23)).fill(0x3a00),
    });
    const fixed = new Map(names.map((name) => [name, half()]));
    const step = (tf, { fixed, inputs }) => {
      const loss = (x) => tf.sum(names.reduce((all, name) => tf.matMul(all, fixed[name], false, true), x));
      return { results: { gradient: tf.grad(loss)(inputs.x) } };
    };
    const loop = await engine.loop(step, { fixed, carried: empty });
    const before = peak();
    const { data } = (await loop.run(new Map([['x', filled(8, 2048)]]))).get('gradient');
    if (!data.every(Number.isFinite) || data[0] === 0) throw new Error('no gradient');
    console.log(JSON.stringify({ before, after: peak() }));`);
  expect(after - before).toBeLessThan(260);
});
