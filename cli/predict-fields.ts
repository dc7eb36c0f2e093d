/** `predict` of a run that trains a model of fields. */
import { basename } from 'node:path';
import { Option } from 'commander';
import { explained, UserError } from '../shared/core/errors.ts';
import { formatBytes, formatCount } from '../shared/core/format.ts';
import { formatTable } from '../shared/core/table.ts';
import type { EngineChoice } from '../shared/engines/engine.ts';
import type { Operator } from '../shared/local/open-operator.ts';
import type { FieldsPrediction, OwnRows, PlannedPrediction } from '../shared/local/predict-fields.ts';
import type { RunFolder } from '../shared/local/run-folder.ts';
import { numberOption } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { localPath } from './local-path.ts';
import { progressBar } from './views/progress-bar.ts';
import { checkWritable, writeText } from './write-text.ts';

/** The options of `predict` for fields alone. */
export interface FieldOptions {
  rows?: string;
  of?: OwnRows;
  steps?: number;
  plot?: string;
}

interface Options extends FieldOptions {
  out?: string;
  json?: boolean;
  epoch?: number;
  batchSize?: number;
  engine: EngineChoice;
}

const ownRows = ['validation', 'test', 'training'] as const satisfies readonly OwnRows[];

export const fieldOptions: readonly Option[] = [
  new Option('--rows <rows>', 'fields: rows of the file, from 0, e.g. "0-9" or "3, 7-12" (default: all)'),
  new Option('--of <rows>', "fields: in place of a file, rows of the run's own data")
    .choices(ownRows)
    .conflicts('rows'),
  numberOption(
    '--steps <n>',
    'fields: time steps that are predicted (default: as many as the file has after the window, or else as in the run)',
    { integer: true, least: 1 },
  ),
  new Option('--plot <file>', 'fields: write a page that shows a few samples, predicted, true and their difference'),
];

/** Whether each is given, by its flag. */
export const fieldFlags: readonly (readonly [flag: string, isGiven: (options: FieldOptions) => boolean])[] = [
  ['--rows', ({ rows }) => rows !== undefined],
  ['--of', ({ of }) => of !== undefined],
  ['--steps', ({ steps }) => steps !== undefined],
  ['--plot', ({ plot }) => plot !== undefined],
];

const note = (message: string) => process.stderr.write(`note: ${message}\n`);

/**
 * Predicts the fields of a file, or of the run's own rows, and tells the errors where the true fields are known.
 * @returns the exit code: failed where predictions are not all numbers; they are written all the same.
 */
export async function predictFields(
  path: string,
  run: RunFolder,
  file: string | undefined,
  options: Options,
): Promise<number> {
  const { openOperator } = await import('../shared/local/open-operator.ts');
  const { planPrediction, runPrediction } = await import('../shared/local/predict-fields.ts');
  const { openEngine } = await import('../shared/engines/open-engine.ts');
  const { out, of: own, rows, steps, batchSize, plot } = options;
  refuseUnclear(file, own);
  for (const written of [out, plot]) if (written !== undefined) await checkWritable(written);
  const operator = await openOperator(path, run, options.epoch);
  const request = { file, own, rows, steps, batchSize, out, plot, localPath };
  const plan = await planPrediction(operator, request).catch((error) => {
    throw error instanceof UserError && file !== undefined ? explained(error, forFile) : error;
  });
  for (const each of plan.notes) note(each);
  refuseIdle(plan, out ?? plot);
  const engine = await openEngine(options.engine, note);
  const bar = progressBar();
  let result: FieldsPrediction;
  try {
    const onPiece = (done: number, total: number) => bar.show(done / total, `step ${done} of ${total}`);
    const { record, epoch, fields } = operator;
    const attributes = {
      run: record.name,
      epoch,
      model: record.config.model.family,
      source: plan.source,
      window: fields.window,
      engine: engine.version,
    };
    result = await runPrediction(operator, plan, { engine, onPiece, attributes });
  } finally {
    bar.close();
  }
  for (const warning of warningsOf(result)) note(warning);
  if (plot !== undefined) await writePage(plot, operator, plan, result);
  process.stdout.write(options.json ? asJson(path, operator, plan, result) : asText(operator, plan, result, plot));
  const { broken } = result;
  if (broken.length === 0) return exitCodes.done;
  process.stderr.write(`error: ${brokenMessage(plan, result)}\n`);
  return exitCodes.failed;
}

/** What is said of a run file's data set, said of a file that is named here. */
const forFile = (message: string): string =>
  message
    .replace('Check `dataset.path` in the run file.', 'Check the name of the file.')
    .replace('Point `dataset.path` at', 'Give')
    .replace(
      'Say which is which in dataset.axes',
      "The file's axes must be told by coordinates, or be as the run's dataset.axes says",
    );

function refuseUnclear(file: string | undefined, own: OwnRows | undefined): void {
  if ((file === undefined) !== (own === undefined)) return;
  throw new UserError(
    file === undefined ? 'no file is named' : `--of ${own} takes the run's own data, and a file is named too`,
    { where: 'predict', remedy: 'Name the file to predict from, or give --of validation, --of test or --of training.' },
  );
}

/** @throws UserError when there would be nothing to show. */
function refuseIdle({ fields, source }: PlannedPrediction, out: string | undefined): void {
  if (out !== undefined || fields.truthSteps > 0) return;
  throw new UserError('has no true fields to compare predictions with, and nothing says where these go', {
    where: source,
    remedy: 'Add --out pred.hdf5.',
  });
}

/** Writes the page with a few samples. */
async function writePage(
  path: string,
  { record, epoch }: Operator,
  { source }: PlannedPrediction,
  { drawn }: FieldsPrediction,
): Promise<void> {
  const { fieldsPage } = await import('../shared/reports/fields/page.ts');
  const madeAt = new Date().toISOString().replace('T', ' ').slice(0, 16);
  const title = `${record.name}, epoch ${epoch}: ${basename(source)}`;
  await writeText(path, fieldsPage(drawn!, { title, madeAt, of: `data of ${basename(source)}` }));
}

/** Rows and samples that a message names. */
const mostNamed = 5;

function warningsOf({ brokenTruth }: FieldsPrediction): string[] {
  if (brokenTruth.length === 0) return [];
  const more = brokenTruth.length > mostNamed ? ` and ${brokenTruth.length - mostNamed} more` : '';
  return [
    `true fields are not all numbers, so that errors are not either: ${brokenTruth.length === 1 ? 'row' : 'rows'} ${brokenTruth.slice(0, mostNamed).join(', ')}${more}`,
  ];
}

function brokenMessage({ out }: PlannedPrediction, { broken }: FieldsPrediction): string {
  const lines = broken
    .slice(0, mostNamed)
    .map(
      ({ row, step, value, given }) =>
        `  row ${row}: ${value} from predicted step ${step} on${given ? ', and what it is predicted from is not all numbers either' : ''}`,
    );
  const more = broken.length > mostNamed ? [`  and ${broken.length - mostNamed} more`] : [];
  const kept = out === undefined ? '' : `; ${out} is written all the same`;
  return [
    `predictions of ${formatCount(broken.length, 'sample')} are not all numbers${kept}:`,
    ...lines,
    ...more,
    broken.every(({ given }) => given)
      ? '  Repair those rows of the file, or leave them out (--rows).'
      : '  A roll-out that is longer than those in training may grow without bound: predict fewer --steps.',
  ].join('\n');
}

function asText(
  { epoch, isBest }: Operator,
  plan: PlannedPrediction,
  { errors, bytes }: FieldsPrediction,
  plot: string | undefined,
): string {
  const { fields, steps, out } = plan;
  const lines = [
    `epoch ${epoch}${isBest ? ', the best' : ''}`,
    `${formatCount(fields.data.shape[0]!, 'sample')}, ${formatCount(steps, 'time step')} each`,
  ];
  if (errors) {
    const { nRMSE, RMSE } = errors.bySteps;
    const known = nRMSE.length;
    if (known < steps) lines.push(`true fields are known of the first ${formatCount(known, 'step')}`);
    const shown = (value: number) => (Number.isFinite(value) ? value.toPrecision(4) : String(value));
    lines.push(
      '',
      formatTable([
        ['step', 'nRMSE', 'RMSE'],
        ...stepsShown(known).map((step) => [String(step), shown(nRMSE[step - 1]!), shown(RMSE[step - 1]!)]),
        ...(known > 1 ? [['all', shown(errors.metrics.nRMSE!), shown(errors.metrics.RMSE!)]] : []),
      ]),
      '',
    );
  }
  if (out !== undefined) lines.push(`fields  ${out} (${formatBytes(bytes!)})`);
  if (plot !== undefined) lines.push(`page    ${plot}`);
  return `${lines.join('\n')}\n`;
}

/** Steps that a table shows of so many: all, or some that grow apart, and the last. */
function stepsShown(steps: number): number[] {
  if (steps <= 10) return Array.from({ length: steps }, (_, step) => step + 1);
  const shown: number[] = [];
  for (let power = 1; power <= steps; power *= 10) shown.push(...[1, 2, 5].map((digit) => digit * power));
  return [...shown.filter((step) => step < steps), steps];
}

function asJson(path: string, operator: Operator, plan: PlannedPrediction, result: FieldsPrediction): string {
  const { fields, source, steps, out } = plan;
  const { errors, broken, brokenTruth, bytes } = result;
  // JSON has no numbers that are not finite.
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  const written = {
    model: path,
    epoch: operator.epoch,
    file: source,
    channels: fields.data.channels,
    window: operator.fields.window,
    steps,
    rows: fields.data.rows,
    ...(errors
      ? {
          metrics: Object.fromEntries(Object.entries(errors.metrics).map(([name, value]) => [name, finite(value)])),
          bySteps: Object.fromEntries(
            Object.entries(errors.bySteps).map(([name, values]) => [name, values.map(finite)]),
          ),
        }
      : {}),
    notFinite: broken,
    ...(brokenTruth.length > 0 ? { notFiniteTruth: brokenTruth } : {}),
    ...(out === undefined ? {} : { out, bytes }),
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}
