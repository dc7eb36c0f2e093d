import { GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { freedWhenEnded, keptWhileLive, largeFileBytes } from '../../shared/cloud/ended-run.ts';
import type { PipelineState } from '../../shared/pipeline/messages.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeContext } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

const deployment = await startDeployment();

describe.skipIf(!deployment)('large files of a run', () => {
  const run = 'runs/old';
  const state = { run, decision: { next: 'finalise' } } as unknown as PipelineState;
  const marked = async (): Promise<string[]> => {
    const { s3, store, bucket } = deployment!;
    const keys = await store.list('runs/');
    const tags = await Promise.all(
      keys.map(async (Key) => (await s3.send(new GetObjectTaggingCommand({ Bucket: bucket, Key }))).TagSet ?? []),
    );
    return keys.filter((_, index) => tags[index]!.some(({ Key }) => Key === 'tempbalance-ended'));
  };

  it('may be deleted once it has ended and its model is published, and not any more when it goes on', async () => {
    const { s3, store, upload } = deployment!;
    const ctx = fakeContext(store, fakeWorkload());
    const large = new Uint8Array(largeFileBytes + 1);
    const model = `${run}/model/model.safetensors`;
    await upload(model, large);
    await upload(`${run}/report.html`, 'small');
    await upload('runs/older/model/model.safetensors', large);
    for (const next of ['leave', 'approve', 'publish']) {
      const goesOn = { ...state, decision: { next } } as unknown as PipelineState;
      await freedWhenEnded(s3, async () => goesOn)(ctx, state);
      expect([next, await marked()]).toEqual([next, []]);
    }
    expect(await freedWhenEnded(s3, async () => state)(ctx, state)).toBe(state);
    expect(await marked()).toEqual([model]);
    await store.put(runKeys.outcome(run), encodeJson({ outcome: 'completed' }));
    expect(await keptWhileLive(s3, async () => state)(ctx, { run })).toBe(state);
    expect(await marked()).toEqual([]);
  });
});
