import type { Measure } from '../../training/predicted/errors.ts';
import type { PredictedFields } from '../../training/predicted/record.ts';
import { errorPlots, errorPoints, errorsAgainstTime } from '../fields/errors.ts';
import { errorSentence, predictedSamples } from '../fields/predicted-samples.ts';
import { curvesCaption, groupCurves, groupLabels } from '../group-curves.ts';
import { html } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import type { Section } from '../section.ts';

const of = 'validation data';

export const predictionsSection: Section = {
  name: 'predictions',
  title: 'Predictions',
  howToRead:
    'What the best epoch predicts of a few samples of the validation data, beside what is true, and how its error grows along the roll-out: of all samples those of the smallest, a median and the largest error are shown, at the first, the middle and the last predicted step; of several runs, a median one of each.',
  render({ runs }) {
    const [only] = runs;
    if (runs.length === 1 && only?.predictions) {
      const { epoch, fields } = only.predictions;
      return html`<p>After epoch ${epoch}. ${errorSentence(fields, of)}</p>${errorsAgainstTime(fields, of)}${predictedSamples(fields)}`;
    }
    const { shown, note } = representatives(runs, ({ predictions }) => predictions !== undefined);
    if (shown.length === 0) return null;
    const curves = (measure: Measure) =>
      groupCurves(runs, ({ predictions }) => (predictions ? meanPoints(predictions.fields, measure) : []));
    const errors = errorPlots(curves, {
      of,
      caption: `mean over the samples${curvesCaption(runs)}`,
      names: groupLabels(runs),
    });
    return html`${errors}${note}<div class="multiples">${shown.map(
      ({ run, label }) =>
        html`<div><h3>${label}: epoch ${run.predictions!.epoch}</h3>${predictedSamples(run.predictions!.fields, ordinary(run))}</div>`,
    )}</div>`;
  },
};

/** Without the band of the samples: that of several runs is one of seeds. */
const meanPoints = (fields: PredictedFields, measure: Measure) =>
  errorPoints(fields, measure).map(({ x, y }) => ({ x, y }));

/** One sample of each run, where there are several. */
function ordinary({ predictions }: RunReport): PredictedFields['shown'] {
  const shown = predictions?.fields.shown ?? [];
  return shown.filter(({ choice }, index) => choice === 'median' || (shown.length < 3 && index === 0));
}
