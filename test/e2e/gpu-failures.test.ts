import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasSoftwareVulkan, needsVulkan, vulkanEnvironment } from '../software-vulkan.ts';
import { moduleOf, outputOf } from '../support/child.ts';
import { runCli, runCliProcess } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const training = { engine: 'onnx-webgpu' };

/** A GPU that is lost after so many steps. */
const lostAfter = (steps: number) => ({
  ...vulkanEnvironment,
  NODE_OPTIONS: `--import=${new URL('../support/lost-gpu.ts', import.meta.url).href}`,
  GPU_STEPS: String(steps),
});

describe('a run on a GPU', () => {
  it.runIf(process.platform === 'linux')('ends before any epoch where there is none, and says what to do', async () => {
    const folder = await temporaryFolder();
    const nowhere = join(folder, 'none.json');
    const env = { VK_ICD_FILENAMES: nowhere, VK_DRIVER_FILES: nowhere };
    const { code, stderr } = await runCli(['train', await writeRunFile(folder, { training, output: {} })], { env });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /error: engine onnx-webgpu on linux \w+: WebGPU finds no GPU that it can use \(Vulkan.+\): no adapter\n/,
    );
    expect(stderr).toContain('or go on on the processor: --set training.engine=onnx.');
    expect(stderr).not.toContain('    at ');
  });
});

describe.skipIf(!hasSoftwareVulkan)(`a run on a GPU that is lost${needsVulkan}`, () => {
  it('keeps its last epoch, and goes on on the processor when told to', async () => {
    const folder = await temporaryFolder();
    const runFile = await writeRunFile(folder, { training, output: { name: 'lost' } });
    const lost = await runCliProcess(['train', runFile], { env: lostAfter(7) });
    expect(lost.stderr).toContain('error: engine onnx-webgpu: the GPU was lost while it computed');
    expect(lost.stderr).toContain('resume the run, or go on on the processor: --set training.engine=onnx.');
    expect(lost.code).toBe(2);
    const run = join(folder, 'runs', 'lost');
    const epochOf = async () => JSON.parse(await readFile(join(run, 'head.json'), 'utf8')).epoch;
    expect(await epochOf()).toBe(2);
    const resumed = await runCli(['resume', run, '--set', 'training.engine=onnx']);
    expect(resumed.stderr).toBe('');
    expect(resumed.code).toBe(0);
    expect(await epochOf()).toBe(4);
  });
});

describe.skipIf(!hasSoftwareVulkan)(`a process that computes on a GPU${needsVulkan}`, () => {
  const program = (ending: string) => `
    import { openEngine } from ${moduleOf('shared/engines/open-engine.ts')};
    const engine = await openEngine('onnx-webgpu');
    const step = (tf, { carried, inputs }) => ({ carried: { w: carried.w.add(inputs.x) }, results: { sum: carried.w.sum() } });
    const vector = { shape: [2], data: Float32Array.of(1, 2) };
    const loop = await engine.loop(step, { fixed: new Map(), carried: new Map([['w', vector]]) });
    const inputs = new Map([['x', vector]]);
    const results = await loop.run(inputs);
    console.log(engine.version, results.get('sum').data[0]);
    ${ending}
  `;

  it.each([
    ['ends by itself', '', 0],
    ['is told to end', 'process.exit(3);', 3],
    [
      'is told to end while a step is under way',
      'for (let n = 0; n < 20; n++) void loop.run(inputs); process.exit(4);',
      4,
    ],
    ['fails', "process.on('uncaughtException', () => process.exit(5)); throw new Error('of its own');", 5],
  ])('gives its memory back when it %s', async (_, ending, code) => {
    const file = join(await temporaryFolder(), 'program.ts');
    await writeFile(file, program(ending));
    const child = spawn(process.execPath, [file], { env: { ...process.env, ...vulkanEnvironment } });
    expect(await outputOf(child)).toMatch(/^onnxruntime-node \d+\.\d+\.\d+, WebGPU, SwiftShader.* 3\n$/);
    expect(child.signalCode).toBe(null);
    expect(child.exitCode).toBe(code);
  });
});
