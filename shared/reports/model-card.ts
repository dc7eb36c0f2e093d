import { stringify } from 'yaml';
import { pathInWords } from '../datasets/data-path.ts';
import type { ExportDtype } from '../models/hugging-face/export-precision.ts';
import { describeReinitialised } from '../models/hugging-face/reinitialise.ts';
import { describeAdapter, trainedShare } from './adapter.ts';
import { compareRuns } from './compare.ts';
import { countedIn } from './counted-rows.ts';
import { fieldCard } from './field-card.ts';
import { formatBytes, formatChange, formatDuration, formatFixed, formatNumber, formatUsd } from './format.ts';
import { fenced, inline, list, markdownTable, section } from './markdown.ts';
import { withoutPlaces } from './published.ts';
import type { EpochReport, RunReport } from './report-input.ts';
import {
  balancedAlone,
  balancedRates,
  beforeAndAfter,
  factorOf,
  hasFarmsAlpha,
  layerNames,
  layerOf,
  metricOf,
  multipliersByEpoch,
  smallestLayerDecay,
} from './runs.ts';
import { languageTaskOf, textCard } from './text-card.ts';

interface CardOptions {
  readonly merged?: boolean;
  readonly onnx?: boolean;
  readonly dtype?: ExportDtype;
}

/**
 * The model card (Markdown with front matter) that goes with a run's exported `model.safetensors`; it names files, not where they lie.
 * @param epoch whose weights they are
 * @param options.merged whether an adapter is in the weights, instead of being the export by itself
 * @param options.onnx whether `model.onnx` is beside it
 * @param options.dtype of the weights
 */
export function renderModelCard(
  report: RunReport,
  epoch = keptEpoch(report),
  { merged = false, onnx = false, dtype = 'float32' }: CardOptions = {},
): string {
  const run = withoutPlaces(report);
  const kept = run.epochs.find((each) => each.epoch === epoch);
  const kind = languageTaskOf(run) === undefined ? fieldCard : textCard;
  const exported = merged ? { ...run, adapter: undefined } : run;
  return [
    `---\n${stringify(kind.frontMatter(exported))}---`,
    `# ${inline(run.name)}`,
    summary(run, epoch),
    section('Metrics', metrics(run, kept)),
    section('Test metrics', tested(run, epoch)),
    section('Classes', classes(run, kept)),
    section('Training data', dataset(run)),
    section('How it was trained', training(run)),
    section('Layers', layers(run, epoch)),
    section('What it takes and gives', kind.tensors?.(run) ?? ''),
    section('How to load it', kind.loading(exported, { onnx, dtype })),
    section('Limits', kind.limits(testedEpoch(run, epoch) ? run : { ...run, test: undefined })),
    section('Configuration', fenced('yaml', stringify(run.config))),
    section('Versions', list(Object.entries(run.versions))),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function summary(run: RunReport, epoch: number | undefined): string {
  const goesOn = run.status === 'running';
  const best = epoch === run.best?.epoch ? `, the best ${goesOn ? 'so far' : 'of the run'}` : '';
  const kept = epoch === undefined ? 'weights of the last good epoch' : `weights of epoch ${epoch}${best}`;
  const reason = run.reason ? ` (${inline(run.reason.replace(/\.$/, ''))})` : '';
  const ended = goesOn ? 'of a run that had not ended' : `which ended as “${run.status}”${reason}`;
  const remark = epoch === keptEpoch(run) && run.remark !== undefined ? ` ${inline(sentence(run.remark))}` : '';
  return `The ${kept}, ${ended}.${remark} Made with tempbalance from seed ${run.seed}.`;
}

/** The best epoch or, where there is none, the last; undefined without any. */
const keptEpoch = ({ best, epochs }: RunReport): number | undefined => best?.epoch ?? epochs.at(-1)?.epoch;

const sentence = (text: string) => `${text[0]!.toUpperCase()}${text.slice(1)}.`;

function metrics(run: RunReport, kept: EpochReport | undefined): string {
  const before = run.epochs.find(({ epoch }) => epoch === 0);
  if (!kept) return '';
  const { direction, name: chosen } = run.metric;
  const rows = Object.keys(kept.metrics).map((name) => [
    name === chosen ? `**${inline(name)}** (${direction} is better)` : inline(name),
    formatNumber(metricOf(before, name)),
    formatNumber(metricOf(kept, name)),
  ]);
  const { changeFromBaseline: change, unit } = compareRuns([run]).runs[0]!;
  const gained =
    change === null || kept.epoch === 0 || kept.epoch !== run.best?.epoch
      ? ''
      : `\n\n${inline(chosen)}: ${formatChange(change, unit)} (best epoch against before training).`;
  return `${markdownTable(['On the validation data', 'Before training', `Epoch ${kept.epoch}`], rows)}${gained}`;
}

/** What the epoch whose weights they are was measured at on test data, where it was. */
const testedEpoch = ({ test }: RunReport, epoch: number | undefined) =>
  [test?.best, test?.last].find((each) => each?.epoch === epoch);

function tested(run: RunReport, epoch: number | undefined): string {
  const measured = testedEpoch(run, epoch);
  if (!measured) return '';
  const { dataset } = run;
  const rows = Object.entries(measured.metrics).map(([name, value]) => [inline(name), formatNumber(value)]);
  return markdownTable([`On ${dataset.testSamples ?? 'all'} rows of test data`, `Epoch ${measured.epoch}`], rows);
}

function classes(run: RunReport, kept: EpochReport | undefined): string {
  if (!kept?.classes) return '';
  const rows = kept.classes.classes.map(({ name, precision, recall, f1, support }) => [
    inline(name),
    ...[precision, recall, f1].map((value) => formatNumber(value, 3)),
    String(support),
  ]);
  return markdownTable(['On the validation data', 'Precision', 'Recall', 'F1', countedIn(run, kept.classes)], rows);
}

// The normaliser has a table of its own.
function dataset({ dataset: { path, sha256, bytes, normaliser: _, ...others } }: RunReport): string {
  return list([
    [typeof path === 'string' ? 'file' : 'files', pathInWords(path)],
    ['sha256', sha256],
    ['size', formatBytes(bytes)],
    ...Object.entries(others).map(shortened),
  ]);
}

/** Characters of a setting that a card shows; row numbers of a drawn split are many. */
const mostShown = 400;

const shortened = ([name, value]: [string, unknown]): [string, unknown] =>
  typeof value === 'string' && value.length > mostShown
    ? [name, `${value.slice(0, mostShown).replace(/,[^,]*$/, '')} and more, in run.json`]
    : [name, value];

function training(run: RunReport): string {
  const { epochs, seconds } = compareRuns([run]).runs[0]!;
  const multipliers = multipliersByEpoch(run).flatMap(({ rates }) =>
    rates.map((rate) => factorOf(balancedAlone(rate))),
  );
  const low = multipliers.reduce((a, b) => Math.min(a, b), 1);
  const high = multipliers.reduce((a, b) => Math.max(a, b), 1);
  const balanced = low < 1 || high > 1;
  const base = run.epochs.flatMap(({ baseLearningRate }) => (baseLearningRate === null ? [] : [baseLearningRate]));
  const rates = base.length > 0 ? `, base learning rate ${range(Math.min(...base), Math.max(...base))}` : '';
  const decay = smallestLayerDecay(run);
  return [
    `${epochs} epoch${epochs === 1 ? '' : 's'} in ${formatDuration(seconds)}${rates}.`,
    ...adapted(run),
    ...reinitialised(run),
    ...averaged(run),
    ...cost(run),
    ...(run.balance ? [`${run.balance.covered}.`] : []),
    balanced
      ? `Multipliers of ${range(low, high)} on each layer's ${balancedRates(run)} followed from its weight spectrum (${run.balance?.method ?? 'TempBalance'}).`
      : decay === undefined
        ? 'Every layer trained at the base rate (no balancing).'
        : 'Layers were not balanced by their spectra.',
    ...(decay === undefined
      ? []
      : [`The learning rate decayed with the depth below the top of the model: times ${range(decay, 1)}.`]),
  ].join(' ');
}

function adapted({ adapter }: RunReport): string[] {
  if (!adapter) return [];
  const { config, base } = adapter;
  const whose = `the weights of its base (\`${base.path}\`, SHA-256 ${base.sha256.slice(0, 16)}…) stayed as they were`;
  return [`${inline(describeAdapter(config))}: ${trainedShare(adapter)}; ${whose}.`];
}

function reinitialised({ reinitialised: anew }: RunReport): string[] {
  if (!anew) return [];
  return [`Before training, ${describeReinitialised(anew)} from the seed.`];
}

function averaged({ averageDecay }: RunReport): string[] {
  if (averageDecay === undefined) return [];
  return [
    `From epoch 1 on, metrics and weights are those of an exponential moving average of the weights (decay ${averageDecay}); spectra are those of the weights that were trained.`,
  ];
}

function cost({ cost }: RunReport): string[] {
  if (!cost) return [];
  const basis = cost.basis === 'meter' ? 'metered at list prices on demand' : 'by the time it took';
  return [`It cost ${formatUsd(cost.usd)}, ${basis}.`];
}

function layers(run: RunReport, epoch: number | undefined): string {
  const epochs = beforeAndAfter(run, epoch);
  if (!epochs) return '';
  const { before, after } = epochs;
  const last = multipliersByEpoch(run).findLast(({ epoch }) => epoch <= (after ?? before).epoch);
  const lastFactor = (name: string) => {
    const rate = last?.rates.find(({ group }) => group === name);
    return rate ? factorOf(rate) : null;
  };
  const hasFarms = hasFarmsAlpha(run);
  const rows = layerNames(run).map((name) => [
    `\`${name.replaceAll('`', "'")}\``,
    formatFixed(layerOf(before, name)?.alpha),
    formatFixed(layerOf(after, name)?.alpha),
    ...(hasFarms ? [formatFixed(layerOf(after ?? before, name)?.farmsAlpha)] : []),
    formatNumber(lastFactor(name), 3),
  ]);
  const spread = (epoch: typeof before) => `${formatFixed(epoch.spectra.summary.alphaStd)} at epoch ${epoch.epoch}`;
  const header = [
    'Layer',
    `Alpha, epoch ${before.epoch}`,
    after ? `Alpha, epoch ${after.epoch}` : 'Alpha, later',
    ...(hasFarms ? ['Alpha by FARMS, last'] : []),
    'Last multiplier',
  ];
  return `${markdownTable(header, rows)}\n\nSpread of alpha over layers: ${spread(before)}${after ? `, ${spread(after)}` : ''}.`;
}

function range(low: number, high: number): string {
  const text = (value: number) => String(Number(value.toPrecision(3)));
  return low === high ? text(low) : `${text(low)} to ${text(high)}`;
}
