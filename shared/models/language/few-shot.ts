/** Settings of few-shot classification. Source: SetFit, Tunstall et al. (arXiv:2209.11055). */
import { z } from 'zod';

/** Which pairs of texts are learnt from in an epoch, as SetFit calls them. */
const samplings = ['oversampling', 'undersampling', 'unique'] as const;

/** The run file's `model.fewShot`. */
export const fewShotSchema = z.strictObject({
  sampling: z
    .enum(samplings)
    .default('oversampling')
    .describe(
      'Pairs of an epoch; they have the same label, or different labels. oversampling: all pairs; those of the rarer kind repeat until both kinds are equally many. undersampling: both kinds as often as the rarer one. unique: every pair once.',
    ),
  maxPairs: z
    .int()
    .min(2)
    .optional()
    .describe('The most pairs in an epoch, at most half of them of one kind, chosen by the seed. Absent: all.'),
  mostPerLabel: z
    .int()
    .positive()
    .default(16)
    .describe(
      'The most training texts that a label may have. More are refused, because classification is better for many texts.',
    ),
});
