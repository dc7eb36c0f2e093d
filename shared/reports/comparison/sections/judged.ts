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
      `Every arm is compared with “${reference}” seed by seed, by a paired t-test at 5 % that is adjusted for all arms and sizes (Holm), and by resampling pairs of seeds.`,
      `A change of less than ${effect} is held not to matter: “no effect” is said where the interval lies within it.`,
      ...(isControlled
        ? ['An arm is said to help by its spectra only where it also beats each of its controls, tested alike.']
        : []),
    ];
    return html`<ul class="findings">${steps.map((step) => html`<li>${step}</li>`)}</ul>`;
  },
};
