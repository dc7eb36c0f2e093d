import { join } from 'node:path';
import { Option } from 'commander';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { type CliCommand, jsonOption, print } from '../command.ts';
import { writeText } from '../write-text.ts';

export const reportCommand: CliCommand<{ out?: string; title?: string; json?: boolean }> = {
  usage: 'report <run...>',
  description: 'write the report of a run, or of several side by side, repetitions with other seeds as one group',
  examples: [
    'npx tempbalance report runs/burgers-20261123-101500',
    'npx tempbalance report runs/plain runs/balanced --out comparison.html',
    'npx tempbalance report runs/plain --json',
  ],
  options: [
    new Option('--out <file>', "where to write it (default: report.html in the run's folder, or here for several)"),
    new Option('--title <text>', 'heading of the page'),
    jsonOption('print everything the report says, but for images of fields, as JSON instead'),
  ],
  async run(positional, { out, title, json }) {
    const { findRun } = await import('../../shared/local/run-folder.ts');
    const { readRunReport } = await import('../../shared/pipeline/run-report.ts');
    const { compareRuns } = await import('../../shared/reports/compare.ts');
    const { formatComparison } = await import('../../shared/reports/verdict.ts');
    const { renderReport } = await import('../../shared/reports/report.ts');
    const folders = await Promise.all((positional[0] as unknown as string[]).map(findRun));
    const runs: RunReport[] = [];
    for (const { store, run } of folders)
      runs.push(await readRunReport(store, run, (note) => process.stderr.write(`note: ${note}\n`)));
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

/** Without the predicted fields themselves: their errors stay. */
function withoutFrames({ predictions, ...run }: RunReport) {
  if (!predictions) return run;
  const shown = predictions.fields.shown.map(({ frames: _, ...sample }) => sample);
  return { ...run, predictions: { ...predictions, fields: { ...predictions.fields, shown } } };
}
