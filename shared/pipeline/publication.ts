/** Publishing a run's model: whether it is due, what was answered, and what became of it. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { sha256 } from '../checkpoints/artifact-store.ts';
import { comparisonOfRun } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { type PublishSettings, publishTargets } from '../config/publish.ts';
import type { RunConfig } from '../config/run-file.ts';
import { RunError, UserError } from '../core/errors.ts';
import type { PublishedModel, TaskContext } from './context.ts';
import type { PipelineState } from './messages.ts';
import { profileOfRun } from './run-events.ts';

/** Days that an answer is waited for, as in the workflow document. */
export const approvalDays = 7;

/** Who is waited for. */
export const approvalSchema = z.strictObject({
  version: z.literal(1),
  to: z.enum(publishTargets),
  /** The token by which the workflow is told the answer. */
  token: z.string(),
  askedAt: z.iso.datetime(),
  until: z.iso.datetime(),
});

/** The record of a model's publication. */
export const publicationSchema = z.strictObject({
  version: z.literal(1),
  to: z.enum(publishTargets),
  status: z.enum(['published', 'declined', 'unanswered']),
  /** The address of the published model; absent where it is not published. */
  address: z.string().optional(),
  /** The digest of the model that it is about. */
  digest: z.string(),
  /** Who has answered; absent where nobody was asked, or nobody did. */
  by: z.string().optional(),
  at: z.iso.datetime(),
});
export type Publication = z.infer<typeof publicationSchema>;

/** Whether a model was published there before. */
export const isPublished = (before: Publication | undefined, { to }: PublishSettings, digest: string): boolean =>
  before?.status === 'published' && before.to === to && before.digest === digest;

/** The state after a run's end: its model is published where its settings ask for that, it has not diverged, and it is not published yet. */
export async function publishedNext(ctx: TaskContext, state: PipelineState, config: RunConfig): Promise<PipelineState> {
  const { run, decision } = state;
  const { publish } = config;
  if (!publish || decision.outcome === 'diverged' || comparisonOfRun(run) !== undefined) return state;
  if (!ctx.publisher) {
    const message = 'publish: models are published by deployments; this one stays where it is, in model/';
    ctx.emit({ type: 'warning', message });
    return state;
  }
  const { digest } = await modelToPublish(ctx, run, config, false);
  if (isPublished(await readPublication(ctx, run), publish, digest)) return state;
  return { ...state, decision: { ...decision, next: publish.approval ? 'approve' : 'publish' } };
}

/** @throws UserError when the deployment can't publish where the settings say. */
export function refuseUnpublishable({ publisher }: TaskContext, { publish }: RunConfig): void {
  if (!publish || !publisher || publisher.targets.includes(publish.to)) return;
  throw new UserError(`this deployment publishes no models to ${publish.to}`, {
    where: 'publish.to',
    remedy: `Set publishing.${publish.to} in cdk.json, and deploy again${publisher.targets.length > 0 ? `; it has: ${publisher.targets.join(', ')}` : ''}.`,
  });
}

/** The model's card, among its files. */
const cardName = 'README.md';

/** The exported model as it is published. @throws RunError when there is none. */
export async function modelToPublish(
  { store }: TaskContext,
  run: string,
  config: RunConfig,
  isApproved: boolean,
): Promise<PublishedModel> {
  const folder = runKeys.model(run, '');
  const files: Record<string, { sha256: string; bytes: number }> = {};
  for (const key of await store.list(folder)) {
    const object = await store.get(key);
    if (object) files[key.slice(folder.length)] = { sha256: sha256(object.bytes), bytes: object.bytes.length };
  }
  if (Object.keys(files).length === 0) throw new RunError('has no exported model', { where: `${store.label}/${run}` });
  // The card says when and how often the run went on, which makes it no other model.
  const { [cardName]: _, ...ofModel } = files;
  const digest = createHash('sha256')
    .update(JSON.stringify([run, ofModel]))
    .digest('hex');
  const name = config.publish?.name ?? profileOfRun(config) ?? run.split('/').at(-1)!;
  return { run, name, files, digest, isApproved };
}

export const readPublication = ({ store }: Pick<TaskContext, 'store'>, run: string): Promise<Publication | undefined> =>
  readJson(store, runKeys.publication(run), publicationSchema);
