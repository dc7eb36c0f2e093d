import { table } from '../../figure.ts';
import { formatCount, formatDuration, formatRanges, formatUsd } from '../../format.ts';
import { html } from '../../html.ts';
import type { Section } from '../../section.ts';
import { armCell } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { orderedArms } from '../summary.ts';
import { formatBudget, formatChanges, formatSize, formatTried } from '../words.ts';

export const settingsSection: Section<ComparisonResult> = {
  name: 'settings',
  title: 'Settings and cost',
  howToRead: 'What was compared, on which data, by which version, and what it took.',
  render(result) {
    const { design, settings, spent, versions } = result;
    const { tuned, seeds } = design;
    const code = (text: string) => html`<code>${text}</code>`;
    const rows = [
      ['Run file', settings.runFile === null ? 'within the comparison' : code(settings.runFile)],
      ...(settings.changesOfAll.length > 0 ? [['Set for all runs', code(settings.changesOfAll.join(', '))]] : []),
      ['Data', code(settings.data)],
      ['Training rows', settings.trainingRows === null ? '–' : String(settings.trainingRows)],
      ['Test rows', settings.testRows === null ? '–' : String(settings.testRows)],
      ['Sizes', design.sizes.map(formatSize).join(', ')],
      ['Tuned', tuned ? html`${code(tuned.key)}: ${tuned.values.map(formatTried).join(', ')}` : 'nothing'],
      ['Tuning seeds', seeds.tuning.length > 0 ? formatRanges(seeds.tuning) : '–'],
      ['Test seeds', seeds.test.length > 0 ? formatRanges(seeds.test) : '–'],
      ['Runs', formatCount(result.results.filter(({ status }) => status !== 'skipped').length, 'run')],
      ['Time of all runs', formatDuration(spent.seconds)],
      ['Cost', spent.usd === null ? 'not metered' : formatUsd(spent.usd)],
      ['Of the budget', formatBudget(result)],
      ...Object.entries(versions).map(([name, version]) => [name, version]),
    ];
    return html`${table(
      'What each arm changes in the run file',
      ['Arm', 'Changes'],
      orderedArms(design).map((arm) => [
        armCell(design, arm.name),
        arm.changes.length > 0 ? code(formatChanges(arm)) : formatChanges(arm),
      ]),
    )}${table('What all runs share', ['Setting', 'Value'], rows)}`;
  },
};
