import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeFindings } from '../../cli/findings.ts';
import type { MachineReport } from '../../shared/local/examine-machine.ts';
import { machineFindings } from '../../shared/local/machine-findings.ts';
import { hasSoftwareVulkan, needsVulkan, vulkanEnvironment } from '../software-vulkan.ts';
import { runCli, runCliProcess } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const tried = { works: true, version: '1.0', reason: null, remedy: null };
const broken = (reason: string, remedy: string | null = null) => ({
  ...tried,
  works: false,
  version: null,
  reason,
  remedy,
});

const report: MachineReport = {
  version: 1,
  canTrain: true,
  auto: { processor: 'onnx', measures: ['onnx-webgpu'] },
  engines: [
    { name: 'tfjs-node-gpu', ...broken('is not installed', 'npm install it'), difference: null },
    { name: 'onnx-webgpu', ...tried, difference: 1e-7 },
    { name: 'onnx', ...tried, difference: 1e-7 },
    { name: 'wasm', ...broken('its process ended (SIGILL)'), difference: null },
  ],
  adapters: [{ name: 'NVIDIA L4', kind: 'discrete', software: false }],
  solvers: [
    { name: 'openblas', ...broken('no such library', 'Install it'), taken: false },
    { name: 'wasm', ...tried, taken: true },
  ],
  memory: { totalBytes: 16e9, availableBytes: 5e9, limitBytes: 8e9 },
  processor: { model: 'A processor', processors: 4, threads: 2 },
  versions: { tempbalance: '0.1.0', node: 'v22.0.0', platform: 'linux x64' },
  packages: [
    { name: 'tokenizers', loads: true, version: '0.23.2', reason: null },
    { name: 'koffi', loads: false, version: null, reason: 'no such package' },
  ],
};

describe('what doctor says', () => {
  it('is a line for each, with what to do below', () => {
    expect(describeFindings(machineFindings(report)).split('\n')).toEqual([
      'note     engine tfjs-node-gpu is not installed',
      '                              npm install it',
      'ok       engine onnx-webgpu   1.0 (discrete)',
      'ok       engine onnx          1.0',
      'PROBLEM  engine wasm          its process ended (SIGILL)',
      'ok       engine auto          measures a step on onnx and onnx-webgpu; small models stay on onnx',
      'ok       GPU                  NVIDIA L4, discrete',
      'note     solver openblas      no such library',
      '                              Install it',
      'ok       solver wasm          1.0, which is taken',
      'ok       memory               5.0 GB free of 16.0 GB, limited to 8.0 GB (container)',
      'ok       processor            A processor, 4 threads at a time, 2 used',
      'ok       versions             tempbalance 0.1.0, Node v22.0.0, linux x64',
      'ok       package tokenizers   0.23.2',
      'note     package koffi        no such package',
      '                              Optional: OpenBLAS and the names of GPUs need it. npm install koffi',
    ]);
  });

  it('is a problem where nothing can train', () => {
    const nothing = { ...report, canTrain: false, auto: { processor: null, measures: [] } };
    expect(machineFindings(nothing)).toContainEqual({
      check: 'engine auto',
      result: 'problem',
      found: 'nothing can train here',
      remedy: 'Reinstall the package: npm install.',
    });
  });
});

describe('doctor --json', () => {
  it(`has the keys that are documented${needsVulkan && ', but for a GPU'}`, { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await runCliProcess(['doctor', '--json'], { env: vulkanEnvironment });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const found = JSON.parse(stdout) as MachineReport;
    expect(Object.keys(found)).toEqual(Object.keys(report));
    for (const key of ['auto', 'memory', 'processor', 'versions'] as const) {
      expect(Object.keys(found[key])).toEqual(Object.keys(report[key]));
    }
    for (const key of ['engines', 'solvers', 'packages'] as const) {
      for (const each of found[key])
        expect(Object.keys(each).toSorted()).toEqual(Object.keys(report[key][0]!).toSorted());
    }
    expect(found).toMatchObject({ version: 1, canTrain: true, auto: { processor: 'onnx' } });
    const page = await readFile('docs/engines.md', 'utf8');
    for (const key of Object.keys(found)) expect(page).toContain(`| \`${key}\` |`);
    if (!hasSoftwareVulkan) return;
    // The processor plays this GPU: it works, and auto does not measure it.
    const gpu = found.engines.find(({ name }) => name === 'onnx-webgpu');
    expect(gpu).toMatchObject({ works: true, reason: null, version: expect.stringContaining('SwiftShader') });
    expect(found.adapters).toMatchObject([{ kind: 'software', software: true }]);
    expect(found.auto.measures).not.toContain('onnx-webgpu');
  });

  it('ends with 2 where a variable of the environment is wrong', async () => {
    const { code, stderr } = await runCli(['doctor'], { env: { TEMPBALANCE_THREADS: 'many' } });
    expect(code).toBe(2);
    expect(stderr).toContain('error: environment variable TEMPBALANCE_THREADS: "many" is not a whole number from 1 on');
  });
});

describe.skipIf(!hasSoftwareVulkan)(`a GPU that the processor plays${needsVulkan}`, () => {
  const env = { ...vulkanEnvironment, TEMPBALANCE_THREADS: '1' };

  it('does not train what is large enough to be measured, and the run says why', { timeout: 60_000 }, async () => {
    const folder = await temporaryFolder();
    const model = { width: 128, modes: 16, projection: 128 };
    const dataset = { subsample: {} };
    const runFile = await writeRunFile(folder, { model, dataset, training: { epochs: 1 }, balance: 'off' });
    const { code, stdout } = await runCliProcess(['train', runFile], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^note: onnx-webgpu is passed over: SwiftShader.* is no GPU, the processor plays it/m);
    const record = JSON.parse(await readFile(join(folder, 'runs', 'small', 'run.json'), 'utf8'));
    expect(record.engineChoice).toEqual({ engine: 'onnx' });
  });
});
