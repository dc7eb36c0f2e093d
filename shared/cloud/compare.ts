/** Starts comparisons in a deployment, and goes on with them. */

import { ExecutionAlreadyExists, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { ComparisonSettings } from '../config/comparison.ts';
import { loadComparison } from '../config/load-comparison.ts';
import type { Override } from '../config/parse-run-file.ts';
import { refusePlugins } from '../config/plugins.ts';
import { RunError, UserError } from '../core/errors.ts';
import { refuseAboveCeiling } from '../costs/ceiling.ts';
import { isAdapter } from '../models/hugging-face/adapter-config.ts';
import { weightsOf } from '../models/registry.ts';
import { beginComparison, goOnWithComparison, refuseOthers } from '../pipeline/comparison/begin.ts';
import { checkComparison, countRuns } from '../pipeline/comparison/check-comparison.ts';
import { type ComparedInput, digestsOf, inputsOf } from '../pipeline/comparison/inputs.ts';
import { type ComparisonRequest, readStoredRequest, type StoredRequest } from '../pipeline/comparison/records.ts';
import { executionName } from '../pipeline/execution-name.ts';
import { openedOnce } from '../pipeline/resources.ts';
import { compareMachine, comparisonOf, refuseRunningComparison } from './comparisons.ts';
import { pinned } from './launch.ts';
import type { Cloud } from './open-cloud.ts';
import { refuseAdapterFolder } from './profile.ts';
import { type Uploaded, uploadValidation, uploadWeights } from './upload.ts';

export interface AskedComparison {
  /** The compare file. */
  readonly file: string;
  readonly overrides: readonly Override[];
  /** The name; absent: that of the compare file. */
  readonly name?: string | undefined;
  /** Runs at a time, in place of what the compare file says. */
  readonly parallel?: number | undefined;
}

export interface StartedComparison {
  /** Key prefix. */
  readonly comparison: string;
  readonly execution: string;
  /** The number of this execution of the comparison, from 1. */
  readonly number: number;
  /** Runs that it has in all, unless values are extended. */
  readonly runs: number;
}

interface Teller {
  /** Told of every file that is sent, or was there. */
  uploaded(what: string, uploaded: Uploaded): void;
  warn(message: string): void;
}

/**
 * Sends the data of a comparison, and starts it or goes on with it.
 * @throws UserError when the compare file, data or weights have problems, it was begun with others, or is running.
 */
export async function compare(cloud: Cloud, asked: AskedComparison, tell: Teller): Promise<StartedComparison> {
  compareMachine(cloud);
  const { settings: loaded } = await loadComparison(asked.file, asked.overrides);
  for (const { config } of loaded.arms) refusePlugins(config.plugins, asked.file);
  const { name = loaded.name, parallel = loaded.parallel } = asked;
  refuseName(name);
  const settings: ComparisonSettings = { ...loaded, name, parallel };
  const comparison = comparisonOf(name);
  const found = await idle(cloud, comparison);
  if (!found) await refuseAboveCeiling(cloud.store, cloud.ceiling, new Date());

  const pins = await pinnedInputs(cloud, settings);
  await refuseAdapters(settings);
  const rows = pins.size === 0 ? await checkedRows(settings, tell.warn) : unknownRows;
  if (pins.size > 0) tell.warn('data or weights are in S3: the first task of every run checks them');
  const data = await digestsOf(settings, async (path) => path, Object.fromEntries(pins));
  // Before anything is sent.
  if (found) refuseOthers(found.request, { settings, data }, `s3://${cloud.bucket}/${comparison}`);
  const addresses = { ...Object.fromEntries(pins), ...(await send(cloud, settings, tell)) };
  // Sending takes a while, in which somebody else may have begun it.
  await idle(cloud, comparison);
  const request = await beginComparison(cloud.store, comparison, settings, { data, rows, addresses }, found);
  return start(cloud, comparison, request);
}

/**
 * Goes on with a comparison that was stopped or failed, or does again what failed of it, with the settings that it was begun with.
 * @throws UserError when it is running.
 */
export async function resumeComparison(cloud: Cloud, comparison: string): Promise<StartedComparison> {
  const found = await idle(cloud, comparison);
  return start(cloud, comparison, await goOnWithComparison(cloud.store, comparison, found));
}

/** A comparison that no execution is at; null where there is none of that name. @throws UserError when it is running. */
async function idle(cloud: Cloud, comparison: string): Promise<StoredRequest | null> {
  const found = await readStoredRequest(cloud.store, comparison);
  if (found) await refuseRunningComparison(cloud, found.request);
  return found;
}

/** More executions of one comparison than anybody has. */
const mostNumbers = 1000;

/** Starts the execution of a comparison whose request is written; with the next number where the name was used before it was begun anew. */
async function start(cloud: Cloud, comparison: string, begun: ComparisonRequest): Promise<StartedComparison> {
  const stateMachineArn = compareMachine(cloud);
  let request = begun;
  for (let tried = 0; tried < mostNumbers; tried++) {
    const { settings, executions: number } = request;
    const name = executionName(settings.name, number);
    try {
      const input = JSON.stringify({ comparison, number });
      await cloud.sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));
      const { tuning, test } = countRuns(settings);
      return { comparison, execution: name, number, runs: tuning + test };
    } catch (error) {
      if (!(error instanceof ExecutionAlreadyExists)) throw error;
      request = await goOnWithComparison(cloud.store, comparison);
    }
  }
  throw new RunError('has no free execution name', { where: comparison });
}

function refuseName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/.test(name)) return;
  throw new UserError('can\'t be the name of a comparison: letters, digits, "_" and "-", 60 at most', {
    where: name,
    remedy: 'Give one by --name, or `name` in the compare file.',
  });
}

const isInS3 = (path: string) => path.startsWith('s3://');
const unknownRows: ComparisonRequest['rows'] = { training: null, test: null };

/** Opens data and models here, as a comparison on this machine does. */
async function checkedRows(settings: ComparisonSettings, warn: (message: string) => void) {
  const { planWorkload } = openedOnce({ localPath: async (path) => path, warn });
  return checkComparison(settings, { planWorkload }, warn);
}

/** Inputs that are in the bucket, each with the version that there is now. @throws UserError when runs could not read one. */
async function pinnedInputs(cloud: Cloud, settings: ComparisonSettings): Promise<Map<string, string>> {
  const pins = new Map<string, string>();
  for (const input of inputsOf(settings).filter(({ path }) => isInS3(path))) {
    refuseUnreadable(cloud, settings, input);
    pins.set(input.path, await pinned(cloud, input.path, input.setting));
  }
  return pins;
}

/** The folders of the bucket that data and weights may be in. */
const folders = { data: ['datasets/', 'validation/'], weights: ['weights/'] } as const;

function refuseUnreadable(
  { bucket }: Pick<Cloud, 'bucket'>,
  { source }: ComparisonSettings,
  { path, kind, setting }: ComparedInput,
): void {
  const places = folders[kind].map((folder) => `s3://${bucket}/${folder}`);
  if (places.some((place) => path.startsWith(place)) && !path.split('/').includes('..')) return;
  throw new UserError(`${setting}: ${path} does not lie below ${places.join(' or ')}`, {
    where: source,
    remedy: 'Copy it there, or give the path of a file of this machine, which is sent there.',
  });
}

async function refuseAdapters({ arms, source }: ComparisonSettings): Promise<void> {
  for (const { config } of arms) {
    const weights = weightsOf(config.model);
    const isLocal = weights !== undefined && !isInS3(weights);
    refuseAdapterFolder(config.model, source, isLocal && (await isAdapter(weights)));
  }
}

/** Sends what is on this machine, each file once. @returns addresses by paths. */
async function send(cloud: Cloud, settings: ComparisonSettings, tell: Teller): Promise<Record<string, string>> {
  const addresses: Record<string, string> = {};
  for (const { path, kind, setting } of inputsOf(settings)) {
    if (isInS3(path)) continue;
    const sent = await (kind === 'data' ? uploadValidation : uploadWeights)(cloud, path);
    tell.uploaded(setting, sent);
    addresses[path] = sent.address;
  }
  return addresses;
}
