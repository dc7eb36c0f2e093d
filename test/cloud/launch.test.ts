import { describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { noteSpend } from '../../shared/costs/ceiling.ts';
import { weightsOf } from '../../shared/models/registry.ts';
import { readRequest } from '../../shared/pipeline/records.ts';
import { startDeployment } from '../support/deployment.ts';
import { smallRun } from '../support/small-run.ts';

/** Events of data sets; `.ci/prove` sends a thousand. */
const events = Number(process.env.TEMPBALANCE_PROOF_EVENTS ?? 80);

const deployment = await startDeployment();
const profile = (changes: object = {}) => stringify({ ...smallRun, output: {}, ...changes });

describe.skipIf(!deployment)('launching', () => {
  const deployed = deployment!;

  it('takes the settings of the profile, with addresses in the bucket and the version of the data', async () => {
    await deployed.upload(
      'profiles/a.yaml',
      profile({ model: { ...smallRun.model, weights: 'weights/base.safetensors' } }),
    );
    const version = await deployed.upload('datasets/a/deep/data.hdf5', 'data');
    expect(await deployed.invoke('launch', { profile: 'a' })).toMatchObject({
      status: 'rejected',
      reason: expect.stringContaining('weights/base.safetensors: there is nothing at this address'),
    });
    const weights = await deployed.upload('weights/base.safetensors', 'weights');
    const launched = await deployed.invoke('launch', { profile: 'a' });
    expect(launched).toMatchObject({ status: 'started', run: expect.stringMatching(/^runs\/a-[0-9a-f]{12}$/) });
    const { config, source } = await readRequest(deployed.store, (launched as { run: string }).run);
    expect(weightsOf(config.model)).toBe(`s3://${deployed.bucket}/weights/base.safetensors?versionId=${weights}`);
    expect(config.dataset.path).toBe(`s3://${deployed.bucket}/datasets/a/deep/data.hdf5?versionId=${version}`);
    expect(source).toBe(`s3://${deployed.bucket}/profiles/a.yaml`);
  });

  it('on a schedule takes the newest data set, once for every time that is due', async () => {
    await deployed.upload('profiles/b.yaml', profile());
    await deployed.upload('datasets/b/old.hdf5', 'old');
    await deployed.upload('datasets/b/folder/', new Uint8Array());
    const due = (time: string) => deployed.invoke('launch', { profile: 'b', schedule: 'b-1', time });
    const first = await due('2026-11-23T03:00:00Z');
    expect(first).toMatchObject({ status: 'started' });
    expect(await due('2026-11-23T03:00:00Z')).toEqual(first);
    const second = await due('2026-11-30T03:00:00Z');
    expect(second).toMatchObject({ status: 'started' });
    const runs = [first, second].map((launched) => (launched as { run: string }).run);
    expect(new Set(runs).size).toBe(2);
    for (const run of runs) expect((await readRequest(deployed.store, run)).config.dataset.path).toContain('old.hdf5');
  });

  it('takes the same event twice at once for one, and fails for neither', async () => {
    await deployed.upload('profiles/twice.yaml', profile());
    await deployed.upload('datasets/twice/data.hdf5', 'data');
    const event = { profile: 'twice', schedule: 'twice-1', time: '2026-11-23T03:00:00Z' };
    const both = await Promise.all([deployed.invokeAtOnce('launch', event), deployed.invokeAtOnce('launch', event)]);
    expect(both).toContainEqual(expect.objectContaining({ status: 'started' }));
    expect(both).toContainEqual({ status: 'exists', reason: 'the same event is being handled' });
  });

  it('starts exactly one run of each data set, of its newest version, by events that come many times and in any order', {
    timeout: 600_000,
  }, async () => {
    await deployed.upload('profiles/many.yaml', profile());
    const random = randomFor(19, 'events');
    const sent: { key: string; version: string }[] = [];
    const newest = new Map<string, string>();
    while (sent.length < events) {
      const key = `datasets/many/${newest.size}.hdf5`;
      const version = await deployed.upload(key, `data ${newest.size}`);
      const versions = random.integer(3) === 0 ? [version, await deployed.upload(key, 'newer data')] : [version];
      newest.set(key, versions.at(-1)!);
      for (const each of versions) {
        for (let times = 2 + random.integer(6); times > 0; times--) sent.push({ key, version: each });
      }
    }
    const order = random.permutation(sent.length);
    const answers: { status: string }[] = [];
    const inHand = 8;
    for (let from = 0; from < sent.length; from += inHand) {
      const some = order.slice(from, from + inHand).map((index) => {
        const { key, version } = sent[index]!;
        const object = { key, 'version-id': version, sequencer: `${random.integer(1000)}` };
        const event = { source: 'aws.s3', detail: { bucket: { name: deployed.bucket }, object } };
        return deployed.invokeAtOnce('launch', event) as Promise<{ status: string }>;
      });
      answers.push(...(await Promise.all(some)));
    }
    for (const { status } of answers) expect(['started', 'exists', 'superseded']).toContain(status);
    const started = (await deployed.executions()).filter(({ name }) => name.startsWith('many-'));
    const datasets = await Promise.all(
      started.map(async ({ input }) => (await readRequest(deployed.store, (input as { run: string }).run)).config),
    ).then((configs) => configs.map(({ dataset }) => String(dataset.path)));
    const addresses = [...newest].map(([key, version]) => `s3://${deployed.bucket}/${key}?versionId=${version}`);
    expect(datasets.toSorted()).toEqual(addresses.toSorted());
  });

  it('starts a run of a name once, whoever asks', async () => {
    await deployed.upload('profiles/c.yaml', profile());
    await deployed.upload('datasets/c/data.hdf5', 'data');
    const started = await deployed.invoke('launch', { profile: 'c', name: 'x1' });
    expect(started).toMatchObject({ status: 'started', run: 'runs/c-x1' });
    const key = 'datasets/c/data.hdf5';
    expect(await deployed.invoke('launch', { profile: 'c', name: 'x1', dataset: key })).toMatchObject({
      run: 'runs/c-x1',
    });
    expect((await deployed.executions()).filter(({ name }) => name === 'c-x1')).toHaveLength(1);
  });

  it.each([
    [
      'a profile that is not there',
      { profile: 'nobody', dataset: 'datasets/nobody/data.hdf5' },
      /profiles\/nobody.yaml: there is no such profile/,
    ],
    [
      'a data set that is not there',
      { profile: 'c', dataset: 'datasets/c/none.hdf5' },
      /none.hdf5: there is no such data set/,
    ],
    ['a profile without data sets', { profile: 'empty' }, /datasets\/empty\/: holds no data set/],
  ])('is refused for %s, without an error that would bring the event back', async (_, event, reason) => {
    await deployed.upload('datasets/nobody/data.hdf5', 'data');
    expect(await deployed.invoke('launch', event)).toMatchObject({
      status: 'rejected',
      reason: expect.stringMatching(reason),
    });
  });

  it('lists what is wrong with a profile', async () => {
    await deployed.upload('profiles/d.yaml', profile({ training: { learninRate: 1 } }));
    await deployed.upload('datasets/d/data.hdf5', 'data');
    const refused = await deployed.invoke('launch', { profile: 'd' });
    expect(refused).toMatchObject({
      status: 'rejected',
      reason: expect.stringContaining('did you mean "learningRate"'),
    });
    await deployed.upload(
      'profiles/e.yaml',
      profile({ model: { ...smallRun.model, weights: '/home/me/base.safetensors' } }),
    );
    await deployed.upload('datasets/e/data.hdf5', 'data');
    expect(await deployed.invoke('launch', { profile: 'e' })).toMatchObject({
      reason: expect.stringContaining('/home/me/base.safetensors does not lie below weights/ in the bucket'),
    });
  });

  it('takes no adapter with a base of its own', async () => {
    const model = { family: 'huggingface', folder: 'weights/adapter/', base: 'weights/bert/' };
    const dataset = { format: 'jsonl', path: 'texts.jsonl' };
    await deployed.upload('profiles/adapter.yaml', stringify({ model, dataset }));
    await deployed.upload('datasets/adapter/texts.jsonl', '{}');
    expect(await deployed.invoke('launch', { profile: 'adapter' })).toMatchObject({
      status: 'rejected',
      reason: expect.stringMatching(/begins with a whole model, not with an adapter\n.*--merge/),
    });
  });

  it('takes the profile as it is now for a run that failed before anything was made of it, and for no other', async () => {
    await deployed.upload('profiles/f.yaml', profile());
    await deployed.upload('datasets/f/data.hdf5', 'data');
    const { run } = (await deployed.invoke('launch', { profile: 'f' })) as { run: string };
    await deployed.upload('profiles/f.yaml', profile({ training: { ...smallRun.training, epochs: 9 } }));
    const refused = {
      status: 'rejected',
      reason: expect.stringMatching(/was started with other settings.*`name`/s),
    };
    expect(await deployed.invoke('launch', { profile: 'f' })).toMatchObject(refused);
    await deployed.upload(`${run}/outcome.json`, 'it failed');
    const anew = await deployed.invoke('launch', { profile: 'f' });
    expect(anew).toMatchObject({ status: 'started', run, execution: `${run.replace('runs/', '')}-2` });
    expect((await readRequest(deployed.store, run)).config.training.epochs).toBe(9);
    await deployed.upload(`${run}/run.json`, 'a record');
    await deployed.upload('profiles/f.yaml', profile());
    expect(await deployed.invoke('launch', { profile: 'f' })).toMatchObject(refused);
    expect((await readRequest(deployed.store, run)).config.training.epochs).toBe(9);
  });

  it('refuses a data set of another profile', async () => {
    const launched = await deployed.invoke('launch', { profile: 'f', dataset: 'datasets/a/deep/data.hdf5' });
    expect(launched).toMatchObject({ reason: expect.stringContaining('is not a data set of this profile') });
  });

  it('starts no new run above the ceiling of the service, and says so of no run that there is', async () => {
    await deployed.upload('profiles/g.yaml', profile());
    await deployed.upload('datasets/g/data.hdf5', 'data');
    const started = await deployed.invoke('launch', { profile: 'g' });
    vi.stubEnv('TEMPBALANCE_CEILING', JSON.stringify({ usd: 5, per: 'day' }));
    const other = () => deployed.invoke('launch', { profile: 'g', name: 'other' });
    const spend = (usd: number) => noteSpend(deployed.store, { run: 'runs/x', id: `${usd}`, usd, at: new Date() });
    await spend(4.5);
    expect(await other()).toMatchObject({ status: 'started' });
    await spend(1);
    const refused = (await deployed.invoke('launch', { profile: 'g', name: 'another' })) as { reason: string };
    expect(refused).toMatchObject({ status: 'rejected' });
    expect(refused.reason).toMatch(
      /the ceiling of the service is reached: 5\.50 of 5\.00 USD a day are spent since 20/,
    );
    expect(await deployed.store.get('runs/g-another/request.json')).toBeUndefined();
    expect(await other()).toMatchObject({ run: 'runs/g-other' });
    const { run } = started as { run: string };
    expect(await deployed.invoke('launch', { profile: 'g' })).toMatchObject({ run });
  });

  it('refuses input that is none of these', async () => {
    await expect(deployed.invoke('launch', { profil: 'a' })).rejects.toMatchObject({ name: 'UserError' });
    await expect(deployed.invoke('checkpoint', { runs: 'a' })).rejects.toThrow(/can't take this input/);
  });
});
