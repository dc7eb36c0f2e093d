import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { access } from '../../infra/access.ts';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readJson } from '../../shared/checkpoints/json.ts';
import { readHeadManifest } from '../../shared/checkpoints/manifest.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { uploadWeights } from '../../shared/cloud/upload.ts';
import { loadRunFile } from '../../shared/config/parse-run-file.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { beginRun, newRun } from '../../shared/local/run-folder.ts';
import { type Execution, runPipeline } from '../../shared/local/run-pipeline.ts';
import { readPublication } from '../../shared/pipeline/publication.ts';
import { outcomeSchema, readTest } from '../../shared/pipeline/records.ts';
import type { Environment } from '../../shared/pipeline/training-job.ts';
import { notAllowed, rolesOfComparisons } from '../support/allowed-requests.ts';
import { startDeployment, type TestDeployment } from '../support/deployment.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeBertFolder } from '../support/language-folder.ts';
import { smallRun, temporaryFolder, writeRunFile } from '../support/small-run.ts';

const deployment = await startDeployment();
const dataset = await readFile(fixturePath('data', 'pde_1d.hdf5'));
const onWasm = { training: { ...smallRun.training, engine: 'wasm' } };
const profile = stringify({ ...smallRun, ...onWasm, output: {} });

/** Digests of what is the same to the bit wherever the run was, of the last commit. */
async function digestsOf(store: ArtifactStore, run: string) {
  const { epoch, files } = await readHeadManifest(store, run);
  const names = ['model.safetensors', 'optimizer.safetensors', 'spectra.json', 'rates.json'];
  return { epoch, digests: names.map((name) => files[name]?.sha256) };
}

/** The same run in a folder of this machine. */
async function localDigests() {
  const folder = await temporaryFolder();
  const config = await loadRunFile(await writeRunFile(folder, onWasm));
  const local = await newRun(config, { now: new Date() });
  await beginRun(local, config);
  const { status } = await runPipeline(
    local.run,
    localContext(local.store, () => undefined),
  );
  expect(status).toBe('done');
  return digestsOf(local.store, local.run);
}

const arrival = (bucket: string, key: string, version: string) => ({
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: { bucket: { name: bucket }, object: { key, size: dataset.length, 'version-id': version, sequencer: '1' } },
});

const arrivalOf = (bucket: string, key: string) => ({
  source: 'aws.s3',
  detail: { bucket: { name: bucket }, object: { key } },
});

/** Runs the workflow on the deployment's functions and containers; the context is only told of states. */
const execute = (
  { store, perform, runJob }: TestDeployment,
  run: string,
  job: (environment: Environment) => Promise<void> = runJob,
): Promise<Execution> =>
  runPipeline(
    run,
    localContext(store, () => undefined),
    () => false,
    { perform, runJob: job, retryDelay: 0 },
  );

describe.skipIf(!deployment)('a deployed run', () => {
  const deployed = deployment!;

  it('is started by its data set, once, and gives the bits of a local run', { timeout: 240_000 }, async () => {
    await deployed.upload('profiles/waves.yaml', `${profile}\npublish: { to: s3 }\n`);
    const key = 'datasets/waves/pde_1d.hdf5';
    const before = await deployed.upload(key, 'an older version');
    const version = await deployed.upload(key, dataset);
    const started = await deployed.invoke('launch', arrival(deployed.bucket, key, version));
    expect(started).toMatchObject({ status: 'started' });
    const { run } = started as { run: string };
    expect(await deployed.invoke('launch', arrival(deployed.bucket, key, version))).toEqual(started);
    expect(await deployed.invoke('launch', arrival(deployed.bucket, key, before))).toMatchObject({
      status: 'superseded',
    });
    expect(await deployed.executions()).toEqual([{ name: run.replace('runs/', ''), input: { run } }]);

    expect(await execute(deployed, run)).toEqual({ status: 'done' });
    expect(await digestsOf(deployed.store, run)).toEqual(await localDigests());
    expect(await readJson(deployed.store, runKeys.outcome(run), outcomeSchema)).toMatchObject({ outcome: 'completed' });
    const model = ['README.md', 'config.json', 'model.py', 'model.safetensors'];
    expect((await deployed.store.list(`${run}/model/`)).toSorted()).toEqual(
      model.map((name) => `${run}/model/${name}`),
    );
    expect(await deployed.store.get(runKeys.report(run))).toBeDefined();

    // Nobody approves: the model stays where it is.
    expect(await readPublication(deployed, run)).toMatchObject({ to: 's3', status: 'declined' });

    const told = await deployed.store.list(runKeys.events(run));
    const names = told.map((name) => name.slice(runKeys.events(run).length, -'-0000.json'.length));
    expect(names).toEqual(['completed', ...Array.from({ length: 5 }, () => 'epoch'), 'started']);
    for (const name of told) {
      const published = await deployed.invoke('publish-event', arrivalOf(deployed.bucket, name));
      expect(published).toEqual({ published: expect.stringMatching(/^evt_/) });
    }
    expect(await deployed.invoke('publish-event', arrivalOf(deployed.bucket, `${run}/events/gone.json`))).toEqual({
      published: null,
    });
  });

  it('goes on elsewhere when its container is told to end, to the same bits', { timeout: 240_000 }, async () => {
    await deployed.upload('profiles/interrupted.yaml', `${profile}\ncompute: { epochsPerTask: 2 }\n`);
    await deployed.upload('datasets/interrupted/pde_1d.hdf5', dataset);
    const { run } = (await deployed.invoke('launch', { profile: 'interrupted', name: 'one' })) as { run: string };
    expect(run).toBe('runs/interrupted-one');

    const codes: (number | null)[] = [];
    const markets: string[] = [];
    const endAtFirstStep = (child: ChildProcess) => {
      child.on('close', (code) => codes.push(code));
      if (codes.length >= 2) return;
      child.stdout!.on('data', (text: Buffer) => {
        if (text.includes('"type":"step"')) child.kill('SIGTERM');
      });
    };
    const execution = await execute(deployed, run, (environment) => {
      markets.push(JSON.parse(environment.TEMPBALANCE_STATE!).compute.market);
      return deployed.runJob(environment, endAtFirstStep);
    });
    expect(execution).toEqual({ status: 'done' });
    expect(codes.slice(0, 3)).toEqual([75, 75, 0]);
    expect(markets.slice(0, 3)).toEqual(['spot', 'spot', 'onDemand']);
    expect(await digestsOf(deployed.store, run)).toEqual(await localDigests());
  });

  it('puts a data set aside that no run can be made of, and says why', { timeout: 60_000 }, async () => {
    await deployed.upload('profiles/poison.yaml', profile);
    const key = 'datasets/poison/broken.hdf5';
    const version = await deployed.upload(key, 'these are no trajectories');
    const { run } = (await deployed.invoke('launch', arrival(deployed.bucket, key, version))) as { run: string };
    const execution = await execute(deployed, run);
    expect(execution).toMatchObject({ status: 'failed', error: { name: 'UserError' } });
    expect(await deployed.store.get(key)).toBeUndefined();
    const rejected = await deployed.store.list('rejected/poison/');
    expect(rejected.map((name) => name.split('/').at(-1))).toEqual(['broken.hdf5', 'broken.hdf5.report.txt']);
    const report = new TextDecoder().decode((await deployed.store.get(rejected[1]!))!.bytes);
    expect(report).toContain(
      `s3://${deployed.bucket}/${key}?versionId=${version}: is none of the formats of arrays that are read`,
    );
    const outcome = await readJson(deployed.store, runKeys.outcome(run), outcomeSchema);
    expect(outcome).toMatchObject({ outcome: 'failed', error: { name: 'UserError' } });
    expect(outcome!.reason).toContain(`the report: s3://${deployed.bucket}/${rejected[1]}`);
    expect(await deployed.invoke('launch', { profile: 'poison' })).toMatchObject({
      status: 'rejected',
      reason: expect.stringContaining('holds no data set'),
    });
  });

  it.each([
    ['auto', 'engine tfjs-node-gpu: @tensorflow/tfjs-node-gpu is not installed'],
    ['onnx-webgpu', 'environment: NVIDIA_VISIBLE_DEVICES='],
  ])(
    'fails at once on a machine whose GPU can not be used (%s), rather than train on it without',
    {
      timeout: 60_000,
    },
    async (engine, told) => {
      const profileName = `lost-${engine}`;
      const training = { ...smallRun.training, engine };
      await deployed.upload(
        `profiles/${profileName}.yaml`,
        stringify({ ...smallRun, training, compute: 'gpu', output: {} }),
      );
      await deployed.upload(`datasets/${profileName}/pde_1d.hdf5`, dataset);
      const { run } = (await deployed.invoke('launch', { profile: profileName })) as { run: string };
      let jobs = 0;
      const withoutDrivers = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };
      const execution = await execute(deployed, run, (environment) => {
        jobs += 1;
        return deployed.runJob({ ...environment, ...withoutDrivers });
      });
      expect(execution).toMatchObject({ status: 'failed' });
      expect(jobs).toBe(1);
      expect(await deployed.store.list(runKeys.epochs(run))).toEqual([]);
      const outcome = await readJson(deployed.store, runKeys.outcome(run), outcomeSchema);
      expect(outcome!.error!.name).toBe('RunError');
      expect(outcome!.reason).toContain('this machine is there for its GPU, and no engine can use one');
      expect(outcome!.reason).toContain('engine onnx-webgpu: no GPU in hardware was found: ');
      expect(outcome!.reason).toContain(told);
    },
  );

  it('is refused with an engine that its machines have not, and its data set stays', { timeout: 60_000 }, async () => {
    const training = { ...smallRun.training, engine: 'onnx-webgpu' };
    await deployed.upload('profiles/engine.yaml', stringify({ ...smallRun, training, output: {} }));
    await deployed.upload('datasets/engine/pde_1d.hdf5', dataset);
    const { run } = (await deployed.invoke('launch', { profile: 'engine' })) as { run: string };
    expect(await execute(deployed, run)).toMatchObject({
      status: 'failed',
      error: {
        name: 'UserError',
        message: expect.stringContaining(
          'has no engine onnx-webgpu\n  Choose one of auto, onnx, wasm, cpu, or compute: gpu.',
        ),
      },
    });
    expect(await deployed.store.get('datasets/engine/pde_1d.hdf5')).toBeDefined();
  });

  it.each([
    ['whole', {}, ['README.md', 'config.json', 'model.safetensors']],
    [
      'adapted',
      { lora: { rank: 4, dropout: 0.1, spectra: 'merged' } },
      ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'base_config.json'],
    ],
    [
      'updated',
      { lora: { rank: 8, spectra: 'update' } },
      ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'base_config.json'],
    ],
  ])(
    'of a language model, %s, begins from a folder in the bucket, and gives the bits of a local run',
    {
      timeout: 240_000,
    },
    async (name, lora, files) => {
      const folder = await temporaryFolder();
      const texts = await readFile(fixturePath('data', 'topic_keywords.jsonl'));
      const words = texts
        .toString()
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { text: string }).text);
      await writeBertFolder(join(folder, 'bert'), words, { dropout: 0.1 });
      await writeFile(join(folder, 'texts.jsonl'), texts);
      const settings = {
        model: { family: 'huggingface', folder: 'bert', maxTokens: 16, ...lora },
        dataset: { format: 'jsonl', path: 'texts.jsonl', samples: 60, test: { random: 12 } },
        training: { epochs: 2, batchSize: 8, learningRate: 0.002, optimizer: { name: 'adamw' }, engine: 'wasm' },
        compute: { epochsPerTask: 1 },
        output: { name: 'here' },
      };
      await writeFile(join(folder, 'texts.yaml'), stringify(settings));
      const { output: _, ...there } = settings;
      const { key } = await uploadWeights(deployed, join(folder, 'bert'));
      await deployed.upload(`profiles/${name}.yaml`, stringify({ ...there, model: { ...there.model, folder: key } }));
      await deployed.upload(`datasets/${name}/texts.jsonl`, texts);
      const { run } = (await deployed.invoke('launch', { profile: name })) as { run: string };
      const ofBase = () =>
        deployed.requests().filter(({ role, key }) => role === 'analyse-shard' && key?.startsWith('weights/')).length;
      const before = ofBase();
      expect(await execute(deployed, run)).toEqual({ status: 'done' });
      expect(ofBase() > before).toBe('lora' in lora && lora.lora.spectra === 'merged');

      const config = await loadRunFile(join(folder, 'texts.yaml'));
      const local = await newRun(config, { now: new Date() });
      await beginRun(local, config);
      await runPipeline(
        local.run,
        localContext(local.store, () => undefined),
      );
      expect(await digestsOf(deployed.store, run)).toEqual(await digestsOf(local.store, local.run));
      const test = await readTest(deployed.store, run);
      expect(test).toMatchObject({ last: { epoch: 2, metrics: { accuracy: expect.any(Number) } } });
      expect(test).toEqual(await readTest(local.store, local.run));
      const names = (await deployed.store.list(`${run}/model/`)).map((each) => each.slice(`${run}/model/`.length));
      expect(names).toEqual([...files, 'tokenizer.json', 'tokenizer_config.json']);
    },
  );

  it('stays within what the roles of its tasks allow', () => {
    const requests = deployed.requests();
    const roles = Object.keys(access).filter((role) => !rolesOfComparisons.includes(role));
    expect(new Set(requests.map(({ role }) => role))).toEqual(new Set(roles));
    expect(notAllowed(requests)).toEqual([]);
  });
});
