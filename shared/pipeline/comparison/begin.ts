/** Beginning a comparison, and going on with one: the request that all its tasks read. */
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../../checkpoints/comparison-keys.ts';
import { encodeJson } from '../../checkpoints/json.ts';
import { describeChanges } from '../../config/changes.ts';
import type { ComparisonSettings } from '../../config/comparison.ts';
import { UserError } from '../../core/errors.ts';
import { noWeights, relocated } from './inputs.ts';
import { type ComparisonRequest, readComparison, readStoredRequest, type StoredRequest } from './records.ts';

/**
 * Writes what is to be compared; nobody else is to be at the comparison. One that was begun goes on: seeds, sizes, arms and values may be
 * added, and how it is judged may change, but what its arms are may not.
 * @param inputs what the data are, by path, how many rows, and where runs find them
 * @param found what was found when it was seen that nobody else is at it, null where there was nothing; absent: what there is now
 * @throws UserError when it was begun with other settings or data, or by somebody else since.
 */
export async function beginComparison(
  store: ArtifactStore,
  comparison: string,
  settings: ComparisonSettings,
  inputs: Pick<ComparisonRequest, 'data' | 'rows' | 'addresses'>,
  found?: StoredRequest | null,
): Promise<ComparisonRequest> {
  const stored = found === undefined ? await readStoredRequest(store, comparison) : found;
  const before = stored?.request;
  const now = { settings, ...inputs };
  if (before) refuseOthers(before, now, `${store.label}/${comparison}`);
  const former = before ? armsOf(before).filter(({ name }) => !settings.arms.some((arm) => arm.name === name)) : [];
  const request: ComparisonRequest = {
    version: 1,
    ...now,
    data: { ...before?.data, ...now.data },
    ...(former.length > 0 ? { former } : {}),
    executions: (before?.executions ?? 0) + 1,
  };
  return replace(store, comparison, stored, request);
}

/**
 * Goes on with a comparison as it was begun.
 * @param found what was found when it was seen that nobody is at it; absent: what there is now
 * @throws RunError when there is no such comparison; UserError when somebody else has begun it since.
 */
export async function goOnWithComparison(
  store: ArtifactStore,
  comparison: string,
  found?: StoredRequest | null,
): Promise<ComparisonRequest> {
  const stored = found ?? (await readStoredRequest(store, comparison));
  const before = stored?.request ?? (await readComparison(store, comparison));
  return replace(store, comparison, stored, { ...before, executions: before.executions + 1 });
}

/** Writes a request in place of the one that was read. @throws UserError when it is no longer that: of two who begin at once, the later one is refused. */
async function replace(
  store: ArtifactStore,
  comparison: string,
  stored: StoredRequest | null,
  request: ComparisonRequest,
): Promise<ComparisonRequest> {
  const key = comparisonKeys.request(comparison);
  const bytes = encodeJson(request);
  const written = stored ? store.putIfMatch(key, bytes, stored.etag) : store.putIfAbsent(key, bytes);
  if ((await written) === undefined) {
    throw new UserError('was begun by somebody else at the same time', {
      where: `${store.label}/${comparison}`,
      remedy: 'Wait for its end and go on with it then, or give yours another name.',
    });
  }
  await store.delete(comparisonKeys.outcome(comparison));
  return request;
}

type Begun = Pick<ComparisonRequest, 'settings' | 'data' | 'former'>;

/** The arms, with those that were taken out. */
const armsOf = ({ settings, former = [] }: Pick<Begun, 'settings' | 'former'>) => [...settings.arms, ...former];

/** The settings of an arm with the content of files in place of their paths: a file may move. */
const byContent = ({ data, ...begun }: Begun, arm: string) => {
  const found = armsOf(begun).find(({ name }) => name === arm);
  const at = (path: string) => {
    const digest = data[path] ?? noWeights;
    return digest === noWeights ? path : `content ${digest}`;
  };
  if (!found) return undefined;
  // Where runs go is the comparison's own.
  const { output: _, ...config } = relocated(found.config, at);
  return config;
};

/**
 * @param where the comparison is, for the message
 * @throws UserError when a run that is finished would not be what it says.
 */
export function refuseOthers(before: Begun, now: Begun, where: string): void {
  const inBoth = now.settings.arms.flatMap(({ name }) => {
    const former = byContent(before, name);
    if (!former) return [];
    return describeChanges(former, byContent(now, name)!).map((change) => `arms.${name}: ${change}`);
  });
  const of = ({ tuned, epoch, threads, reference }: ComparisonSettings) => ({
    tune: tuned?.key,
    epoch,
    threads,
    reference,
  });
  const others = [...describeChanges(of(before.settings), of(now.settings)), ...inBoth];
  if (others.length === 0) return;
  const shown = others.slice(0, 10).map((line) => `    ${line}`);
  const more = others.length > shown.length ? `\n    and ${others.length - shown.length} more` : '';
  throw new UserError(`was begun with other settings or data:\n${shown.join('\n')}${more}`, {
    where,
    remedy: 'Put them back to go on with it, or give the new comparison another name.',
  });
}
