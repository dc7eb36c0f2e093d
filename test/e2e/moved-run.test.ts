/** A run that is begun on a laptop, goes on in the cloud, and ends on the laptop. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { continueInCloud } from '../../cli/continue-in-cloud.ts';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { readHead, readManifest } from '../../shared/checkpoints/manifest.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { fetchRun } from '../../shared/cloud/move.ts';
import { openCloud } from '../../shared/cloud/open-cloud.ts';
import { stopRun } from '../../shared/cloud/resume-run.ts';
import { loadRunFile } from '../../shared/config/parse-run-file.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { beginRun, newRun, type RunFolder } from '../../shared/local/run-folder.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { readRunRecord } from '../../shared/pipeline/records.ts';
import { startDeployment } from '../support/deployment.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
if (deployment) await createStack(deployment);

const epochs = 6;

/** A local run, trained until an epoch is committed. */
async function begin(folder: string, name: string): Promise<RunFolder> {
  const file = await writeRunFile(folder, {
    training: { epochs, engine: 'wasm' },
    compute: { epochsPerTask: 1, target: 'cpu' },
    output: { name },
  });
  const config = await loadRunFile(file);
  const run = await newRun(config, { source: file, now: new Date() });
  await beginRun(run, config, { source: file });
  return run;
}

async function goOnHere(
  { store, run }: Pick<RunFolder, 'store' | 'run'>,
  until = Number.POSITIVE_INFINITY,
): Promise<string> {
  let last = 0;
  const context = localContext(
    store,
    (event) => {
      if (event.type === 'epoch') last = event.epoch;
    },
    { solver: 'portable' },
  );
  return (await runPipeline(run, context, () => last >= until)).status;
}

/** Interprets the workflow here, with the deployment's functions and containers, until an epoch is committed. */
async function goOnThere(run: string, until: number): Promise<string> {
  const { store, perform, runJob } = deployment!;
  const reached = async () => ((await readHead(store, run))?.epoch ?? -1) >= until;
  let stop = false;
  const { status } = await runPipeline(
    run,
    localContext(store, () => undefined),
    () => stop,
    {
      runJob,
      async perform(name, message) {
        const result = await perform(name, message);
        stop = name === 'Checkpoint' && (await reached());
        return result;
      },
    },
  );
  return status;
}

/** Digests of everything that training made, and the exported model. */
async function bitsOf(store: ArtifactStore, run: string): Promise<unknown> {
  const committed: Record<string, unknown> = {};
  for (let epoch = 0; epoch <= epochs; epoch++) {
    const { files } = (await readManifest(store, run, epoch))!;
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'spectra.json', 'rates.json']) {
      committed[`${epoch} ${file}`] = files[file]?.sha256;
    }
  }
  return { committed, model: (await store.get(runKeys.model(run, 'model.safetensors')))?.bytes };
}

describe.skipIf(!deployment)('a run that moves to the cloud and back', () => {
  it('ends with the same bits as one that stayed, and says where it was', async () => {
    const folder = await temporaryFolder();
    const stayed = await begin(folder, 'stayed');
    expect(await goOnHere(stayed)).toBe('done');

    const moved = await begin(folder, 'moved');
    expect(await goOnHere(moved, 2)).toBe('interrupted');
    expect(await readHead(moved.store, 'moved')).toMatchObject({ epoch: 2 });

    const cloud = await openCloud({ stack: 'tempbalance' });
    const { run } = await continueInCloud(cloud, join(moved.root, 'moved'), []);
    expect(run).toBe('runs/moved');
    expect(await deployment!.executions()).toEqual([{ name: 'moved', input: { run } }]);
    const { config } = await readRunRecord(cloud.store, run);
    expect(config.dataset.path).toMatch(`s3://${cloud.bucket}/datasets/moved/pde_1d.hdf5?versionId=`);
    expect(await goOnThere(run, 4)).toBe('interrupted');
    await expect(fetchRun(cloud, run, { ...back(folder), now: new Date() })).rejects.toThrow('is running');
    await stopRun(cloud, run);

    const { local, root } = back(folder);
    await fetchRun(cloud, run, { local, root, now: new Date() });
    expect(await readHead(local.store, 'moved')).toMatchObject({ epoch: 4 });
    expect(await goOnHere(local)).toBe('done');
    expect(await bitsOf(local.store, 'moved')).toEqual(await bitsOf(stayed.store, 'stayed'));

    const record = await readRunRecord(local.store, 'moved');
    expect(record.config.dataset.path).toBe(join(root, 'moved', 'inputs', 'pde_1d.hdf5'));
    const history = record.history.map(({ what }) => what);
    expect(history).toContain(`moved from ${moved.root}/moved`);
    expect(history).toContain(`moved from s3://${cloud.bucket}/runs/moved`);
    expect(history).toContain('resumed after epoch 4');

    await expect(continueInCloud(cloud, join(moved.root, 'moved'), [])).rejects.toThrow(
      'there is a run of this name with an epoch 4 that this one does not have',
    );
  });
});

function back(folder: string) {
  const root = join(folder, 'back');
  return { root, local: { root, run: 'moved', store: fileStore(root) } };
}
