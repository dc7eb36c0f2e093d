import type { PredictedFields, PredictedSample } from '../../training/predicted/record.ts';
import { formatCount, formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { lineSwatch } from '../palette.ts';
import { framesOf } from './frames.ts';
import { fieldLines, lineStyles } from './lines.ts';
import { fieldMaps } from './maps.ts';

const choiceWords: Readonly<Record<PredictedSample['choice'], string>> = {
  best: 'the best sample',
  median: 'a median sample',
  worst: 'the worst sample',
  only: 'the only sample',
  first: 'sample',
};

/** The samples of a record: of each channel maps, or lines in one dimension, of true, predicted and error. */
export function predictedSamples(record: PredictedFields, shown: readonly PredictedSample[] = record.shown): Markup {
  const isLine = record.drawn.length === 1;
  const draw = isLine ? fieldLines : fieldMaps;
  return html`${isLine ? lineLegend(record) : null}<p class="key">${notesOn(record).join(' ')}</p>${record.channels.map(
    (name, channel) =>
      html`<div class="samples">${shown.map((sample) => {
        const error = record.errors
          ? ` (${record.errors.chosenBy} ${formatNumber(sample[record.errors.chosenBy], 3)})`
          : '';
        return html`<figure><figcaption>${name}, ${choiceWords[sample.choice]}: row ${sample.row}${error}</figcaption>${draw(
          record,
          framesOf(sample, channel),
          `${name}, row ${sample.row}`,
        )}</figure>`;
      })}</div>`,
  )}`;
}

function lineLegend({ errors }: PredictedFields): Markup {
  const names = errors ? (['true', 'predicted', 'error'] as const) : (['predicted'] as const);
  return html`<ul class="legend">${names.map((name) => html`<li>${lineSwatch(lineStyles[name])} ${name}</li>`)}</ul>`;
}

/** Sentences that a reader of the figures should know. */
function notesOn({ axes, block, drawn, slice, channels, channelCount, errors }: PredictedFields): string[] {
  const directions = axes
    .slice(0, drawn.length)
    .map(
      ({ name, from, to }, axis) =>
        `${name} goes from ${formatNumber(from, 3)} to ${formatNumber(to, 3)}${axis === 0 ? ', left to right' : ', upwards'}`,
    );
  const [perPixel] = [block.reduce((a, b) => a * b)];
  const cut = axes[2];
  return [
    `${directions.join('; ')}.`,
    ...(perPixel > 1
      ? [
          `${drawn.length === 1 ? 'Each point is' : 'Each pixel is'} the mean of ${block.join(' × ')} points of the data (${axes.map(({ points }) => points).join(' × ')}).`,
        ]
      : []),
    ...(cut && slice !== undefined
      ? [
          `The fields have three dimensions: shown is the slice in the middle of ${cut.name}, at point ${slice + 1} of ${cut.points} (${cut.name} = ${formatNumber(cut.from + ((cut.to - cut.from) * slice) / Math.max(1, cut.points - 1), 3)}).`,
        ]
      : []),
    ...(channels.length < channelCount
      ? [`Only the first ${channels.length} of ${formatCount(channelCount, 'channel')} are shown.`]
      : []),
    ...(errors
      ? [
          'The error is predicted minus true. True and predicted have one scale; predictions far beyond it are drawn at its end.',
        ]
      : []),
  ];
}

/** The error over all samples, in words; null where it is not known. */
export function errorSentence({ errors, samples, shown }: PredictedFields, of: string): Markup | null {
  if (!errors) return null;
  const { chosenBy } = errors;
  const ofChoice = (choice: string) => formatNumber(shown.find((sample) => sample.choice === choice)?.[chosenBy], 3);
  const words =
    samples === 1
      ? `${chosenBy} of the one sample of the ${of}: ${ofChoice('only')}.`
      : `${chosenBy} of the ${samples} samples of the ${of}: from ${ofChoice('best')} to ${ofChoice('worst')}.`;
  return html`${words}`;
}
