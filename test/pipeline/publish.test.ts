import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { TransientError } from '../../shared/core/errors.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, PublishedModel, Publisher } from '../../shared/pipeline/context.ts';
import document from '../../shared/pipeline/pipeline.asl.json' with { type: 'json' };
import { approvalDays, readPublication } from '../../shared/pipeline/publication.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';

let store: ArtifactStore;
let published: PublishedModel[];
beforeEach(() => {
  store = memoryStore();
  published = [];
});

const publisher: Publisher = {
  targets: ['s3', 'sagemaker'],
  async publish(to, model) {
    published.push(model);
    return `${to}://models/${model.name}`;
  },
};

interface Story {
  readonly publish?: object;
  readonly epochs?: number;
  readonly with?: Publisher | undefined;
  readonly behaviour?: FakeBehaviour;
  /** The result of the state that waits; an error where nobody answers. */
  readonly answer?: object | Error;
}

let executions = 0;

async function execute({ publish = { to: 's3', name: 'waves' }, epochs = 2, answer, behaviour, ...story }: Story = {}) {
  await requestRun(store, fakeConfig({ training: { epochs }, publish: publish as Record<string, unknown> }));
  const events: ProgressEvent[] = [];
  const fake = fakeContext(store, fakeWorkload(behaviour), { process: `p${executions++}`, events });
  const ctx = { ...fake, publisher: 'with' in story ? story.with : publisher };
  const execution = await runPipeline(run, ctx, undefined, {
    retryDelay: 0,
    async perform(name, message) {
      const output = await runTask(name, ctx, message);
      if (name !== 'AskApproval') return output;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const told = events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
  return { execution, states: told.slice(told.indexOf('Finalise')), events };
}

const ofType = (events: readonly ProgressEvent[], type: ProgressEvent['type']) =>
  events.filter((event) => event.type === type);

describe('a model is published', () => {
  it('when its run has ended, at once where nobody is asked, and noted with where it is', async () => {
    const { execution, states, events } = await execute({ publish: { to: 's3', approval: false } });
    expect(execution).toEqual({ status: 'done' });
    expect(states).toEqual(['Finalise', 'Publish?', 'Publish', 'Outcome?', 'Done']);
    expect(published).toHaveLength(1);
    expect(published[0]).toMatchObject({ run, name: 'fake', isApproved: false });
    expect(Object.keys(published[0]!.files)).toContain('model.safetensors');
    expect(await readPublication({ store }, run)).toMatchObject({
      status: 'published',
      address: 's3://models/fake',
      digest: published[0]!.digest,
    });
    expect(ofType(events, 'published')).toEqual([{ type: 'published', run, to: 's3', address: 's3://models/fake' }]);
  });

  it('once, however often its run is ended, and once more when another epoch is the best', async () => {
    const publish = { to: 's3', approval: false };
    await execute({ publish });
    const { states } = await execute({ publish });
    expect(states).toEqual(['Finalise', 'Publish?', 'Outcome?', 'Done']);
    expect(published).toHaveLength(1);
    await execute({ publish, epochs: 4 });
    expect(published).toHaveLength(2);
    expect(published[1]!.digest).not.toBe(published[0]!.digest);
  });

  it('after a person has approved of it, who was asked', async () => {
    const { states, events } = await execute({ answer: { approved: true, by: 'ada' } });
    expect(states).toEqual(['Finalise', 'Publish?', 'AskApproval', 'Publish', 'Outcome?', 'Done']);
    expect(ofType(events, 'approval')).toEqual([{ type: 'approval', run, to: 's3', days: 7 }]);
    expect(published).toMatchObject([{ name: 'waves', isApproved: true }]);
    expect(await readPublication({ store }, run)).toMatchObject({ status: 'published', by: 'ada' });
    expect(await store.get(runKeys.approval(run))).toBeUndefined();
  });

  it.each([
    ['declined', { approved: false, by: 'ada' }],
    ['unanswered', Object.assign(new Error('nobody came'), { name: 'States.Timeout' })],
  ])('not where it is %s: the run has ended all the same', async (status, answer) => {
    const { execution, events } = await execute({ answer });
    expect(execution).toEqual({ status: 'done' });
    expect(published).toEqual([]);
    expect(await readPublication({ store }, run)).toMatchObject({ status });
    expect(ofType(events, 'warning')).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('the model is not published: ') }),
    );
  });

  it('in another try where the first one fails in passing', async () => {
    let tries = 0;
    const failing: Publisher = {
      ...publisher,
      async publish(to, model) {
        tries += 1;
        if (tries === 1) throw new TransientError('not now');
        return publisher.publish(to, model);
      },
    };
    const { execution } = await execute({ publish: { to: 's3', approval: false }, with: failing });
    expect(execution).toEqual({ status: 'done' });
    expect([tries, published.length]).toEqual([2, 1]);
  });

  it('not of a run that diverged, and not on a machine of one’s own, which says so', async () => {
    const { states } = await execute({ behaviour: { diverges: (epoch) => epoch === 2 } });
    expect(states).toEqual(['Finalise', 'Publish?', 'Outcome?', 'Diverged']);
    store = memoryStore();
    const { execution, events } = await execute({ with: undefined });
    expect(execution).toEqual({ status: 'done' });
    expect(ofType(events, 'warning')).toContainEqual({
      type: 'warning',
      message: 'publish: models are published by deployments; this one stays where it is, in model/',
    });
    expect(published).toEqual([]);
  });

  it('nowhere where the deployment does not publish: the run is refused before anything is trained', async () => {
    const { execution } = await execute({ publish: { to: 'huggingface' } });
    expect(execution).toMatchObject({
      status: 'failed',
      error: { name: 'UserError', message: expect.stringContaining('publishes no models to huggingface') },
    });
  });

  it('within the days that people are told of, as the document has them', () => {
    expect(document.States.AskApproval.TimeoutSeconds).toBe(approvalDays * 86_400);
  });
});
