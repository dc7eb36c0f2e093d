/** What the page shows of one run or one comparison, from its files. */
import { stringify } from 'yaml';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { readJson } from '../checkpoints/json.ts';
import { readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import type { RunResult } from '../decisions/comparison/design.ts';
import { readComparison, readPlans, readResults } from '../pipeline/comparison/records.ts';
import { readComparisonResult } from '../pipeline/comparison/result.ts';
import { readEpochPoints } from '../pipeline/epoch-points.ts';
import {
  describeDrawn,
  readLastCommit,
  readPredictions,
  readProgress,
  readRequest,
  readTest,
  runRecordSchema,
} from '../pipeline/records.ts';
import { readRunReport } from '../pipeline/run-report.ts';
import { errorsAgainstTime } from '../reports/fields/errors.ts';
import { errorSentence, predictedSamples } from '../reports/fields/predicted-samples.ts';
import { shortNames } from '../reports/format.ts';
import { html } from '../reports/html.ts';
import { renderReport } from '../reports/report.ts';
import { thin } from '../reports/runs.ts';

/** The numbers of an epoch, layers in the order of the page's `layers`. */
export interface EpochRow {
  readonly epoch: number;
  readonly trainLoss: number | null;
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly baseLearningRate: number | null;
  readonly gradientNorm: number | null;
  readonly seconds: number;
  readonly alphaMean: number | null;
  readonly alphaStd: number | null;
  /** Null where the epoch was not measured, or is one of many that are left out. */
  readonly alphas: readonly (number | null)[] | null;
  /** Factors on the learning rate; null where it trained nothing, or is left out. */
  readonly factors: readonly (number | null)[] | null;
}

/** A run's page. */
export interface RunPage {
  /** Settings and circumstances, in the order in which they are shown. */
  readonly facts: readonly (readonly [string, string])[];
  /** The resolved settings as YAML. */
  readonly settings: string;
  readonly history: readonly { readonly at: string; readonly what: string }[];
  readonly layers: readonly { readonly name: string; readonly label: string }[];
  readonly epochs: readonly EpochRow[];
  /** Metrics on test data; null where none were measured. */
  readonly test: Readonly<Record<string, number | null>> | null;
  /** Whether fields that it predicted are kept. */
  readonly hasFields: boolean;
  /** Sentences about files that could not be read. */
  readonly notes: readonly string[];
}

/** Epochs whose layers are sent: a heat map has no room for more. */
const mostColumns = 240;

/**
 * A run's page.
 * @param options.after leaves out the epochs up to this one
 * @throws RunError when there is no such run.
 */
export async function runPage(store: ArtifactStore, id: string, { after = -1 } = {}): Promise<RunPage> {
  const notes: string[] = [];
  const [{ config: asked, source }, record, points, head] = await Promise.all([
    readRequest(store, id),
    readJson(store, runKeys.record(id), runRecordSchema),
    readEpochPoints(store, id, { after, warn: (note) => notes.push(note.split('\n')[0]!) }),
    readLastCommit(store, id),
  ]);
  const config = record?.config ?? asked;
  const names = new Set(points.flatMap(({ alphas, factors }) => [...Object.keys(alphas), ...Object.keys(factors)]));
  const layers = [...names];
  const labels = shortNames(layers);
  const withLayers = new Set(thin(points, mostColumns).map(({ epoch }) => epoch));
  const inOrder = (values: Readonly<Record<string, number | null>>, epoch: number) =>
    withLayers.has(epoch) && Object.keys(values).length > 0 ? layers.map((name) => rounded(values[name])) : null;
  const test = head && (await readTest(store, id));
  const drawn = record && describeDrawn(record);
  const { model, training } = config;
  return {
    facts: [
      [
        'Model',
        model.family === 'huggingface' ? `${model.task}, ${String(record?.model?.model_type ?? '')}` : model.family,
      ],
      ['Data', [record?.dataset.path ?? config.dataset.path].flat().join(', ')],
      ['Seed', String(record?.seed ?? training.seed)],
      ['Base learning rate', String(training.learningRate)],
      ['Optimizer', training.optimizer.name],
      ...(record?.versions.engine === undefined ? [] : [['Engine', record.versions.engine] as const]),
      ...(drawn === undefined ? [] : [['Drawn from the seed', drawn] as const]),
      ...(source === undefined ? [] : [['Run file', source] as const]),
    ],
    settings: stringify(config),
    history: record?.history ?? [],
    layers: layers.map((name) => ({ name, label: labels.get(name)! })),
    epochs: points.map(({ alphas, factors, committedAt: _, losses: __, ...numbers }) => ({
      ...numbers,
      alphas: inOrder(alphas, numbers.epoch),
      factors: inOrder(factors, numbers.epoch),
    })),
    test: test?.best?.metrics ?? null,
    hasFields: (await shownEpoch(store, id)) !== undefined,
    notes,
  };
}

const rounded = (value: number | null | undefined) => (value == null ? null : Number(value.toPrecision(6)));

/** The epoch whose predictions are shown: the best where there is one, else the last; undefined where none are kept. */
async function shownEpoch(store: ArtifactStore, id: string) {
  const head = await readLastCommit(store, id);
  const progress = head && (await readProgress(store, head));
  const epoch = progress?.best?.epoch ?? head?.epoch;
  const manifest = epoch === undefined ? undefined : await readManifest(store, id, epoch);
  return manifest?.files['predictions.json'] ? manifest : undefined;
}

/** Fields that the best epoch predicted, beside what is true, as markup in the style of the reports; undefined where none are kept. */
export async function fieldsMarkup(
  store: ArtifactStore,
  id: string,
): Promise<{ epoch: number; markup: string } | undefined> {
  const manifest = await shownEpoch(store, id);
  const fields = manifest && (await readPredictions(store, manifest));
  if (!manifest || !fields) return undefined;
  const of = 'validation data';
  const content = html`<p>After epoch ${manifest.epoch}. ${errorSentence(fields, of)}</p>${errorsAgainstTime(fields, of)}${predictedSamples(fields)}`;
  return { epoch: manifest.epoch, markup: content.markup };
}

/** A run of a comparison. */
export interface ComparedRun extends Pick<RunResult, 'run' | 'arm' | 'purpose' | 'size' | 'tried' | 'seed'> {
  readonly id: string;
  /** `waiting`: it has no result yet. */
  readonly status: RunResult['status'] | 'waiting';
  readonly value: number | null;
  readonly seconds: number | null;
  readonly reason: string;
}

/** A comparison's page. */
export interface ComparisonPage {
  readonly metric: { readonly name: string; readonly direction: 'lower' | 'higher' };
  readonly arms: readonly {
    readonly name: string;
    readonly changes: readonly string[];
    readonly isReference: boolean;
  }[];
  readonly runs: readonly ComparedRun[];
  /** Of each arm: the metric by epoch, as the mean over its runs, those on test seeds where there are any. */
  readonly curves: readonly {
    readonly arm: string;
    readonly values: readonly (number | null)[];
    readonly runs: number;
  }[];
  /** The findings; empty before it was judged. */
  readonly findings: readonly string[];
  readonly recommendation: string;
  readonly hasReport: boolean;
}

/** @throws RunError when there is no such comparison. */
export async function comparisonPage(store: ArtifactStore, id: string): Promise<ComparisonPage> {
  const [{ settings }, plans, results, judged, report] = await Promise.all([
    readComparison(store, id),
    readPlans(store, id),
    readResults(store, id),
    judgedIn(store, id),
    store.open(comparisonKeys.report(id)),
  ]);
  const { metric: name, direction } = settings.arms[0]!.config.convergence;
  const ended = new Set(results.map(({ run }) => run));
  const waiting = Object.entries(plans).filter(([run]) => !ended.has(run));
  const idOf = (run: string) => comparisonKeys.run(id, run);
  return {
    metric: { name, direction },
    arms: settings.arms.map((arm) => ({
      name: arm.name,
      changes: arm.changes,
      isReference: arm.name === settings.reference,
    })),
    runs: [
      ...results.map(({ run, arm, purpose, size, tried, seed, status, value, seconds, reason }) => ({
        ...{ run, arm, purpose, size, tried, seed, status, value, seconds, reason },
        id: idOf(run),
      })),
      ...waiting.map(([run, plan]) => ({
        ...{ run, ...plan, id: idOf(run), status: 'waiting' as const, value: null, seconds: null, reason: '' },
      })),
    ],
    curves: settings.arms.flatMap((arm) => meanCurve(arm.name, results) ?? []),
    findings: judged ? [judged.judgement.headline, ...judged.judgement.findings.map(({ sentence }) => sentence)] : [],
    recommendation: judged?.judgement.recommendation.reason ?? '',
    hasReport: report !== undefined,
  };
}

/** The judgement; undefined before there is one. */
const judgedIn = async (store: ArtifactStore, id: string) =>
  (await store.open(comparisonKeys.judged(id))) && readComparisonResult(store, id);

/** The mean over an arm's runs at the end of each epoch that all of them have; undefined where none has ended. */
function meanCurve(arm: string, results: readonly RunResult[]): ComparisonPage['curves'][number] | undefined {
  const own = results.filter((result) => result.arm === arm && result.curve.length > 0);
  const tested = own.filter(({ purpose }) => purpose === 'test');
  const runs = tested.length > 0 ? tested : own;
  if (runs.length === 0) return undefined;
  const epochs = Math.min(...runs.map(({ curve }) => curve.length));
  const values = Array.from({ length: epochs }, (_, epoch) => {
    const at = runs.map(({ curve }) => curve[epoch] ?? Number.NaN);
    const mean = at.reduce((sum, value) => sum + value, 0) / at.length;
    return Number.isFinite(mean) ? rounded(mean) : null;
  });
  return { arm, values, runs: runs.length };
}

/**
 * A report as a whole HTML page: the one that lies with the run or the comparison or, of a run that has none yet, one that is made now.
 * Undefined for a comparison without one.
 */
export async function reportPage(
  store: ArtifactStore,
  id: string,
  { kind, madeAt }: { readonly kind: 'run' | 'comparison'; readonly madeAt: string },
): Promise<string | undefined> {
  const stored = await store.get(kind === 'run' ? runKeys.report(id) : comparisonKeys.report(id));
  if (stored) return new TextDecoder().decode(stored.bytes);
  if (kind === 'comparison') return undefined;
  const report = await readRunReport(store, id);
  return renderReport({ title: report.name, madeAt, runs: [report] });
}
