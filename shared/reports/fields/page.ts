import type { PredictedFields } from '../../training/predicted/record.ts';
import { formatCount } from '../format.ts';
import { html } from '../html.ts';
import { type PageSection, renderPage } from '../page.ts';
import { errorsAgainstTime } from './errors.ts';
import { errorSentence, predictedSamples } from './predicted-samples.ts';

/**
 * A page of its own with what was predicted: a few samples, and where it is known what is true the error against time.
 * @param options.of what the samples are of, e.g. `data of test.hdf5`
 * @param options.madeAt time of making, as it is to be printed
 */
export function fieldsPage(
  record: PredictedFields,
  { title, madeAt, of }: { readonly title: string; readonly madeAt: string; readonly of: string },
): string {
  const errors = errorsAgainstTime(record, of);
  const sections: PageSection[] = [
    ...(errors
      ? [
          {
            name: 'errors',
            title: 'Error against time',
            howToRead:
              'How the error of the predictions grows along the roll-out; nRMSE is relative to the size of the true field.',
            content: errors,
          },
        ]
      : []),
    {
      name: 'samples',
      title: 'Predicted fields',
      howToRead: `What the model predicted of a few of ${formatCount(record.samples, 'sample')} of the ${of}.`,
      content: html`<p>${errorSentence(record, of)}</p>${predictedSamples(record)}`,
    },
  ];
  return renderPage({
    title,
    madeAt,
    sections,
    footer: 'Errors are those of PDEBench (Takamoto et al., NeurIPS 2022).',
  });
}
