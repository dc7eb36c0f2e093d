/** Starts a run: because a data set arrived, because it is time, or because a person asks for it. */
import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { ExecutionAlreadyExists, type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import type { RunConfig } from '../config/run-file.ts';
import { RunError, UserError } from '../core/errors.ts';
import { type Ceiling, refuseAboveCeiling } from '../costs/ceiling.ts';
import { ofOtherFiles, otherFileSettings, otherFilesOf, withDataPaths } from '../datasets/registry.ts';
import { weightsOf, weightsSetting, withWeights } from '../models/registry.ts';
import { digestOf, executionName } from '../pipeline/execution-name.ts';
import { readRequest } from '../pipeline/records.ts';
import { arrivalSchema } from './arrival.ts';
import { isFolderAddress } from './download-input.ts';
import { headObject } from './head-object.ts';
import { datasetFolder, isProfileName, profileKey, profileOfDataset, profileSettings } from './profile.ts';
import { refusalOf } from './refused-data.ts';

const profileField = z.string().refine(isProfileName, 'must be letters, digits, ".", "_" and "-", 60 at most');

const scheduledSchema = z.strictObject({
  profile: profileField,
  schedule: z.string().describe('Name of the schedule.'),
  time: z.string().describe('For when it was due.'),
});

const askedSchema = z.strictObject({
  profile: profileField,
  dataset: z.string().optional().describe('Key in the bucket; absent: the newest below datasets/<profile>/.'),
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,30}$/, 'must be letters, digits, ".", "_" and "-", 30 at most')
    .optional()
    .describe('Ends the name of the run; absent: the run is named after the data set, and started once.'),
});

export const launchInputSchema = z.union([arrivalSchema, scheduledSchema, askedSchema]);
export type LaunchInput = z.output<typeof launchInputSchema>;

/** The clients and names that a launch needs. */
export interface LaunchContext {
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  readonly bucket: string;
  readonly stateMachine: string;
  /** The timeout of one try of a request to the store, in ms; absent: the store's own. */
  readonly tryTimeoutMs?: number;
  /** The ceiling of the deployment; no new run begins above it. */
  readonly ceiling?: Ceiling | undefined;
}

/** What is written on a data set whose uploader starts the run: its arrival starts none. */
export const startedByUploader = { 'tempbalance-start': 'uploader' } as const;

/**
 * `exists`: the run was started before; `superseded`: a newer version of the data set has come, it was deleted, or who
 * uploaded it starts the run; `refused`: no run could be made of this version of the data set, which a schedule does not try again.
 */
export interface Launched {
  readonly status: 'started' | 'exists' | 'superseded' | 'refused';
  /** Key prefix of the run. */
  readonly run?: string;
  readonly reason: string;
}

/** A run with an execution of this name. */
interface Executed extends Launched {
  readonly run: string;
  readonly execution: string;
}

interface Version {
  readonly versionId: string | undefined;
  readonly startedByUploader: boolean;
}

/** A data set of a profile, and what tells this start from others. */
interface Start {
  readonly profile: string;
  readonly key: string;
  readonly versionId?: string | undefined;
  readonly occasion: readonly string[];
  readonly name?: string | undefined;
}

/**
 * Writes the run's request and starts an execution of its name, which follows from what is asked for: the same event twice,
 * or an event of a version that is no longer the newest, starts nothing.
 * @throws UserError when there is no such profile or data set, the profile has problems, or the ceiling of the service is reached.
 */
export async function launch(ctx: LaunchContext, input: LaunchInput): Promise<Launched | Executed> {
  const { bucket } = ctx;
  const start = await startOf(ctx, input);
  if ('superseded' in start) return { status: 'superseded', reason: start.superseded };
  const { profile, key, versionId } = start;
  const { tryTimeoutMs } = ctx;
  const store = s3Store({ client: ctx.s3, bucket, ...(tryTimeoutMs === undefined ? {} : { tryTimeoutMs }) });
  const refusal = 'schedule' in input ? await refusalOf(store, start) : undefined;
  if (refusal) {
    const wayOn = 'upload it anew, or start a run of it by hand where it can be read now';
    return {
      status: 'refused',
      reason: `no run could be made of this data set on ${refusal.at} (${wayOn}): ${refusal.reason}`,
    };
  }
  const text = await store.get(profileKey(profile));
  if (!text) {
    throw new UserError('there is no such profile', {
      where: `s3://${bucket}/${profileKey(profile)}`,
      remedy: `Upload a run file there, or put the data set below the name of a profile: datasets/<profile>/.`,
    });
  }
  const address = `s3://${bucket}/${key}${versionId === undefined ? '' : `?versionId=${versionId}`}`;
  const settings = profileSettings(new TextDecoder().decode(text.bytes), bucket, profile, address);
  const run = `runs/${runName(start)}`;
  const config = await withPinnedInputs(ctx, settings);
  const source = `s3://${bucket}/${profileKey(profile)}`;
  const mayBegin = () => refuseAboveCeiling(store, ctx.ceiling, new Date());
  const begunAnew = await requestRun(store, run, { config, source }, mayBegin);
  return begunAnew ? startNext(ctx, run) : startExecution(ctx, run);
}

/** The settings with the versions of weights, validation and test data that there are now: a run goes on with what it was checked with. */
async function withPinnedInputs(ctx: LaunchContext, config: RunConfig): Promise<RunConfig> {
  const { model, dataset } = config;
  const weights = weightsOf(model);
  const weightsNow = weights && (await pinned(ctx, weights, `model.${weightsSetting(model)}`));
  const othersNow = await ofOtherFiles(otherFilesOf(dataset), (path, kind) =>
    pinned(ctx, path, otherFileSettings[kind]),
  );
  return {
    ...config,
    model: weightsNow === undefined ? model : withWeights(model, weightsNow),
    dataset: withDataPaths(dataset, dataset.path, othersNow),
  };
}

/** The address with the version that there is now. A folder has none: what is in one that `submit` sends never changes. */
export async function pinned(
  ctx: Pick<LaunchContext, 's3' | 'bucket'>,
  address: string,
  setting: string,
): Promise<string> {
  const isFolder = isFolderAddress(address);
  const { key, versionId } = parseS3Uri(isFolder ? `${address}config.json` : address);
  if (versionId !== undefined) return address;
  const version = await versionOf(ctx, key);
  if (!version) {
    throw new UserError('there is nothing at this address', {
      where: address,
      remedy: `Upload it, or mend ${setting}.`,
    });
  }
  return isFolder || version.versionId === undefined ? address : `${address}?versionId=${version.versionId}`;
}

/**
 * Writes a run's request. Other settings take the place of those that a run failed with before anything was made of it.
 * @param mayBegin throws where no new run may.
 * @returns whether they do: the name of the run's first execution is used up then.
 * @throws UserError when the run has begun with other settings, or may be about to.
 */
async function requestRun(
  store: ArtifactStore,
  run: string,
  { config, source }: { readonly config: RunConfig; readonly source: string },
  mayBegin: () => Promise<void>,
): Promise<boolean> {
  const key = runKeys.request(run);
  const request = encodeJson({ version: 1, config, source, overrides: [] });
  if (!(await store.get(key))) await mayBegin();
  if ((await store.putIfAbsent(key, request)) !== undefined) return false;
  const { config: before } = await readRequest(store, run);
  if (JSON.stringify(before) === JSON.stringify(config)) return false;
  const hasFailedUnmade = !(await store.get(runKeys.record(run))) && (await store.get(runKeys.outcome(run)));
  if (!hasFailedUnmade) {
    throw new UserError('a run of this name was started with other settings or data', {
      where: run.split('/').at(-1)!,
      remedy: 'Give the new one a name of its own: `name`, or --name <name> on the command line.',
    });
  }
  await mayBegin();
  await store.put(key, request);
  return true;
}

/** Starts the workflow on a run whose request is written; once for each name. */
export async function startExecution(
  { sfn, stateMachine }: Pick<LaunchContext, 'sfn' | 'stateMachine'>,
  run: string,
  name = executionName(run.split('/').at(-1)!),
): Promise<Executed> {
  const execution = name;
  try {
    await sfn.send(new StartExecutionCommand({ stateMachineArn: stateMachine, name, input: JSON.stringify({ run }) }));
    return { status: 'started', run, execution, reason: `execution ${name}` };
  } catch (error) {
    if (error instanceof ExecutionAlreadyExists) {
      const wayOn = 'where it failed, `npx tempbalance cloud resume` goes on with it; a `name` makes another run';
      return { status: 'exists', run, execution, reason: `execution ${name} was started before: ${wayOn}` };
    }
    throw error;
  }
}

/** More executions of one run than anybody has. */
const mostNumbers = 1000;

/** Starts another execution of a run that has had `before`, with the first free number. */
export async function startNext(
  ctx: Pick<LaunchContext, 'sfn' | 'stateMachine'>,
  run: string,
  before = 1,
): Promise<Executed> {
  const name = run.split('/').at(-1)!;
  for (let number = before + 1; number <= mostNumbers; number++) {
    const launched = await startExecution(ctx, run, executionName(name, number));
    if (launched.status === 'started') return launched;
  }
  throw new RunError('has no free execution name', { where: name });
}

/** `burgers-1f3a9c0d2b4e`, or `burgers-<name>`. */
function runName({ profile, key, versionId, occasion, name }: Start): string {
  if (name !== undefined) return `${profile}-${name}`;
  const identity = JSON.stringify([key, versionId ?? null, ...occasion]);
  return `${profile}-${digestOf(identity)}`;
}

async function startOf(ctx: LaunchContext, input: LaunchInput): Promise<Start | { readonly superseded: string }> {
  if ('detail' in input) {
    const { key, 'version-id': versionId } = input.detail.object;
    const profile = profileOfDataset(key);
    if (profile === undefined || !isProfileName(profile)) {
      throw new UserError('is not the key of a profile’s data set', {
        where: `s3://${ctx.bucket}/${key}`,
        remedy: 'Upload data sets to datasets/<profile>/<file>.',
      });
    }
    const newest = await versionOf(ctx, key);
    const isNewest = newest && (versionId === undefined || newest.versionId === versionId);
    if (!isNewest) return { superseded: 'the data set was replaced or deleted since' };
    if (newest.startedByUploader) return { superseded: 'who uploaded the data set starts the run' };
    return { profile, key, versionId: newest.versionId, occasion: [] };
  }
  const { profile } = input;
  const asked = 'dataset' in input ? input.dataset : undefined;
  if (asked !== undefined && profileOfDataset(asked) !== profile) {
    throw new UserError('is not a data set of this profile', {
      where: `s3://${ctx.bucket}/${asked}`,
      remedy: `Its data sets lie below ${datasetFolder(profile)}.`,
    });
  }
  const key = asked ?? (await newestDataset(ctx, profile));
  const version = await versionOf(ctx, key);
  if (!version) throw new UserError('there is no such data set', { where: `s3://${ctx.bucket}/${key}` });
  const { versionId } = version;
  if ('schedule' in input) return { profile, key, versionId, occasion: [input.schedule, input.time] };
  return { profile, key, versionId, occasion: [], name: input.name };
}

/** The newest version of an object; undefined where there is none. */
async function versionOf(
  { s3, bucket }: Pick<LaunchContext, 's3' | 'bucket'>,
  key: string,
): Promise<Version | undefined> {
  const head = await headObject(s3, { bucket, key });
  if (!head) return undefined;
  const { VersionId, Metadata = {} } = head;
  const [[name, value]] = Object.entries(startedByUploader) as [[string, string]];
  return {
    versionId: VersionId === 'null' ? undefined : VersionId,
    startedByUploader: Metadata[name] === value,
  };
}

async function newestDataset({ s3, bucket }: LaunchContext, profile: string): Promise<string> {
  const folder = datasetFolder(profile);
  let newest: { key: string; at: number } | undefined;
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: folder })) {
    for (const { Key: key, Size: size, LastModified: modified } of page.Contents ?? []) {
      const at = modified?.getTime() ?? 0;
      if (key && size && !key.endsWith('/') && (!newest || at >= newest.at)) newest = { key, at };
    }
  }
  if (newest) return newest.key;
  throw new UserError('holds no data set', { where: `s3://${bucket}/${folder}`, remedy: 'Upload one there.' });
}
