import { stringify } from 'yaml';
import { compareRuns } from './compare.ts';
import { formatBytes, formatChange, formatDuration, formatFixed, formatNumber, formatUsd } from './format.ts';
import type { RunReport } from './report-input.ts';
import { beforeAndAfter, layerNames, layerOf, metricOf, multipliersByEpoch } from './runs.ts';

/** The model card (Markdown with front matter) that goes with a run's exported `model.safetensors`. */
export function renderModelCard(run: RunReport): string {
  return [
    frontMatter(run),
    `# ${inline(run.name)}`,
    summary(run),
    section('Metrics', metrics(run)),
    section('Training data', dataset(run)),
    section('How it was trained', training(run)),
    section('Layers', layers(run)),
    section('How to load it', LOADING),
    section('Limits', LIMITS),
    section('Configuration', fenced('yaml', stringify(run.config))),
    section('Versions', list(Object.entries(run.versions))),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function frontMatter({ config }: RunReport): string {
  const family = (config.model as { family?: unknown } | undefined)?.family;
  const tags = ['tempbalance', 'safetensors', ...(typeof family === 'string' ? [family] : [])];
  return `---\n${stringify({ library_name: 'tempbalance', tags })}---`;
}

function summary(run: RunReport): string {
  const kept = run.best ? `weights of epoch ${run.best.epoch}, the best of the run` : 'weights of the last good epoch';
  const reason = run.reason ? ` (${inline(run.reason.replace(/\.$/, ''))})` : '';
  return `The ${kept}, which ended as “${run.status}”${reason}. Made with tempbalance from seed ${run.seed}.`;
}

function metrics(run: RunReport): string {
  const before = run.epochs.find(({ epoch }) => epoch === 0);
  const kept = run.epochs.find(({ epoch }) => epoch === run.best?.epoch);
  if (!kept) return '';
  const { direction, name: chosen } = run.metric;
  const rows = Object.keys(kept.metrics).map((name) => [
    name === chosen ? `**${inline(name)}** (${direction} is better)` : inline(name),
    formatNumber(metricOf(before, name)),
    formatNumber(metricOf(kept, name)),
  ]);
  const change = compareRuns([run]).runs[0]!.changeFromBaseline;
  const gained =
    change === null || kept.epoch === 0
      ? ''
      : `\n\n${inline(chosen)}: ${formatChange(change)} (best epoch against before training).`;
  return `${markdownTable(['On the validation data', 'Before training', `Epoch ${kept.epoch}`], rows)}${gained}`;
}

function dataset({ dataset: { path, sha256, bytes, ...others } }: RunReport): string {
  return list([['path', path], ['sha256', sha256], ['size', formatBytes(bytes)], ...Object.entries(others)]);
}

function training(run: RunReport): string {
  const { epochs, seconds } = compareRuns([run]).runs[0]!;
  const multipliers = multipliersByEpoch(run).flatMap(({ rates }) =>
    rates.map(({ learningRateMultiplier }) => learningRateMultiplier),
  );
  const low = multipliers.reduce((a, b) => Math.min(a, b), 1);
  const high = multipliers.reduce((a, b) => Math.max(a, b), 1);
  const balanced = low < 1 || high > 1;
  const base = run.epochs.flatMap(({ baseLearningRate }) => (baseLearningRate === null ? [] : [baseLearningRate]));
  const rates = base.length > 0 ? `, base learning rate ${range(Math.min(...base), Math.max(...base))}` : '';
  return [
    `${epochs} epochs in ${formatDuration(seconds)}${rates}.`,
    ...cost(run),
    balanced
      ? `TempBalance set each layer's rate from the power-law exponent alpha of its weight spectrum: multipliers ${range(low, high)}.`
      : 'Every layer trained at the base rate (no balancing).',
  ].join(' ');
}

function cost({ cost }: RunReport): string[] {
  if (!cost) return [];
  const basis = cost.basis === 'meter' ? 'metered at list prices on demand' : 'by the time it took';
  return [`It cost ${formatUsd(cost.usd)}, ${basis}.`];
}

function layers(run: RunReport): string {
  const epochs = beforeAndAfter(run);
  if (!epochs) return '';
  const { before, after } = epochs;
  const last = multipliersByEpoch(run).findLast(({ epoch }) => epoch <= (after ?? before).epoch);
  const rows = layerNames(run).map((name) => [
    `\`${name.replaceAll('`', "'")}\``,
    formatFixed(layerOf(before, name)?.alpha),
    formatFixed(layerOf(after, name)?.alpha),
    formatNumber(last?.rates.find(({ group }) => group === name)?.learningRateMultiplier ?? null, 3),
  ]);
  const spread = (epoch: typeof before) => `${formatFixed(epoch.spectra.summary.alphaStd)} at epoch ${epoch.epoch}`;
  const header = [
    'Layer',
    `Alpha, epoch ${before.epoch}`,
    after ? `Alpha, epoch ${after.epoch}` : 'Alpha, later',
    'Last multiplier',
  ];
  return `${markdownTable(header, rows)}\n\nSpread of alpha over layers: ${spread(before)}${after ? `, ${spread(after)}` : ''}.`;
}

const LOADING = `\`model.safetensors\` holds every tensor by name, little-endian; \`config.json\` the model's sizes. Complex spectral weights are stored
with a last axis of two (real, imaginary).

Python, with the \`safetensors\` package:

${fenced(
  'python',
  `from safetensors.numpy import load_file

tensors = load_file("model.safetensors")
for name, tensor in tensors.items():
    print(name, tensor.dtype, tensor.shape)
# a complex weight: tensor[..., 0] + 1j * tensor[..., 1]`,
)}

JavaScript, without any package:

${fenced(
  'js',
  `import { readFile } from 'node:fs/promises';

const file = await readFile('model.safetensors');
const headerEnd = 8 + Number(file.readBigUInt64LE(0));
const { __metadata__, ...entries } = JSON.parse(file.toString('utf8', 8, headerEnd));
const tensors = Object.fromEntries(
  Object.entries(entries).map(([name, { shape, data_offsets: [start, end] }]) => {
    const bytes = Uint8Array.from(file.subarray(headerEnd + start, headerEnd + end));
    return [name, { shape, data: new Float32Array(bytes.buffer) }]; // for dtype F32
  }),
);`,
)}`;

const LIMITS = `The best epoch was chosen on the same validation data that the metrics above are given for, so they flatter the model a little. It was
trained with little data: expect it to hold for fields, grids and parameters like those it was trained on, and measure before relying on it elsewhere.`;

function section(title: string, content: string): string {
  return content === '' ? '' : `## ${title}\n\n${content}`;
}

function list(entries: readonly (readonly [string, unknown])[]): string {
  return entries
    .map(
      ([key, value]) =>
        `- ${inline(key)}: ${inline(typeof value === 'object' ? JSON.stringify(value) : String(value))}`,
    )
    .join('\n');
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** A fence longer than any run of backticks inside. */
function fenced(language: string, code: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${code.trimEnd()}\n${fence}`;
}

/** Text that stays on its line and is not taken for Markdown or HTML. */
function inline(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#]/g, (character) => `\\${character}`);
}

function range(low: number, high: number): string {
  const text = (value: number) => String(Number(value.toPrecision(3)));
  return low === high ? text(low) : `${text(low)} to ${text(high)}`;
}
