import { formatAmount } from '../../../core/format.ts';
import { formatCount } from '../../format.ts';
import { html } from '../../html.ts';
import type { Section } from '../../section.ts';
import type { ComparisonResult } from '../input.ts';
import { tunedKey } from '../words.ts';

export const judgedSection: Section<ComparisonResult> = {
  name: 'judged',
  title: 'How it was judged',
  howToRead: 'The rules were fixed before any run began; docs/comparison.md tells them in full.',
  render({ design }) {
    const { tuned, seeds, metric, unit, epoch, smallestEffect, reference } = design;
    const effect = formatAmount(smallestEffect, unit);
    const isControlled = design.arms.some(({ controls }) => controls.length > 0);
    const steps = [
      ...(tuned
        ? [
            `${tunedKey(design)} was tuned for every arm and size with the same values, by ${formatCount(seeds.tuning.length, 'tuning seed')} on validation data; where an arm did best at an end of them, they were extended for all arms up to ${tuned.extensions} times.`,
          ]
        : ['Nothing was tuned: every arm ran with the settings it names.']),
      `${formatCount(seeds.test.length, 'test seed')}${tuned ? ', none of which was used for tuning,' : ''} ran once for every arm and size, and were judged by ${metric.name} (${metric.direction} is better) on test data that no run trains on or chooses by.`,
      epoch === 'last'
        ? 'The model of the last epoch is judged.'
        : 'The model of the epoch that is best on validation data is judged.',
      'A test run that diverged counts as the worst value of its size, so that an arm gains nothing by losing its worst runs; a run that failed or was not done has no value.',
      `Every arm is compared with “${reference}” seed by seed. It is said to help or to harm where a paired t-test at 5 %, adjusted for all arms and sizes (Holm), and the bootstrap interval both show it.`,
      `It is said to have no effect above ${effect}, the smallest change that matters here, where two one-sided tests at 5 % rule out a larger one. All else is undecided.`,
      ...(isControlled
        ? ['An arm is said to help by its spectra only where it also beats each of its controls, tested alike.']
        : []),
    ];
    return html`<ul class="findings">${steps.map((step) => html`<li>${step}</li>`)}</ul>`;
  },
};
