import { join, relative } from 'node:path';
import { Option } from 'commander';
import type { RunFolder } from '../../shared/local/run-folder.ts';
import type { WrittenRun } from '../../shared/reports/epochs-csv.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { type CliCommand, jsonOption, print } from '../command.ts';
import { writeText } from '../write-text.ts';

export const reportCommand: CliCommand<{ out?: string; title?: string; json?: boolean; csv?: boolean }> = {
  usage: 'report <run...>',
  description: 'write the report of a run, or of several side by side, repetitions with other seeds as one group',
  examples: [
    'npx tempbalance report runs/burgers-20261123-101500',
    'npx tempbalance report runs/plain runs/balanced --out comparison.html',
    'npx tempbalance report runs/plain --json',
    'npx tempbalance report runs/* --csv --out epochs.csv',
  ],
  options: [
    new Option('--out <file>', "where to write it (default: report.html in the run's folder, or here for several)"),
    new Option('--title <text>', 'heading of the page'),
    jsonOption('print everything the report says, but for images of fields, as JSON instead'),
    new Option('--csv', 'print metrics as CSV instead, a row for each epoch of each run').conflicts('json'),
  ],
  async run(positional, { out, title, json, csv = false }) {
    const { findRun, runInComparison } = await import('../../shared/local/run-folder.ts');
    const { readRunReport } = await import('../../shared/pipeline/run-report.ts');
    const { compareRuns } = await import('../../shared/reports/compare.ts');
    const { formatComparison } = await import('../../shared/reports/verdict.ts');
    const { renderReport } = await import('../../shared/reports/report.ts');
    const folders = await Promise.all((positional[0] as unknown as string[]).map(findRun));
    if (csv) return writeCsv(folders, out);
    const runs: RunReport[] = [];
    for (const folder of folders) {
      const { store, run } = await runInComparison(folder);
      runs.push(await readRunReport(store, run, (note) => process.stderr.write(`note: ${note}\n`)));
    }
    if (json) {
      print(JSON.stringify({ comparison: compareRuns(runs), runs: runs.map(withoutFrames) }, null, 2));
      return 0;
    }
    const [first] = folders;
    const path = out ?? (folders.length === 1 ? join(first!.root, first!.run, 'report.html') : 'report.html');
    const heading = title ?? (runs.length > 3 ? `${runs.length} runs` : runs.map(({ name }) => name).join(' and '));
    await writeText(path, renderReport({ title: heading, madeAt: new Date().toISOString(), runs }));
    if (runs.length > 1) print(formatComparison(compareRuns(runs)));
    print(`report  ${path}`);
    return 0;
  },
};

/** Metrics by epoch, to a file or to standard output. */
async function writeCsv(folders: readonly RunFolder[], out: string | undefined): Promise<number> {
  const { readEpochPoints } = await import('../../shared/pipeline/epoch-points.ts');
  const { readRunRecord } = await import('../../shared/pipeline/records.ts');
  const { balanceInAWord } = await import('../../shared/config/run-file.ts');
  const { epochsCsv } = await import('../../shared/reports/epochs-csv.ts');
  const runs: WrittenRun[] = [];
  for (const { root, run, store } of folders) {
    const { seed, config } = await readRunRecord(store, run);
    const warn = (note: string) => process.stderr.write(`note: ${run}: ${note}\n`);
    const epochs = await readEpochPoints(store, run, { warn });
    runs.push({ run: relative(process.cwd(), join(root, run)), seed, balance: balanceInAWord(config), epochs });
  }
  const text = epochsCsv(runs);
  if (out === undefined) process.stdout.write(text);
  else await writeText(out, text);
  return 0;
}

/** Without the predicted fields themselves: their errors stay. */
function withoutFrames({ predictions, ...run }: RunReport) {
  if (!predictions) return run;
  const shown = predictions.fields.shown.map(({ frames: _, ...sample }) => sample);
  return { ...run, predictions: { ...predictions, fields: { ...predictions.fields, shown } } };
}
