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
      'Pairs of an epoch. oversampling: all pairs, those of the rarer kind (same label, or other labels) again until there are as many of them. undersampling: as many of each kind as there are of the rarer one. unique: all pairs, once.',
    ),
  maxPairs: z
    .int()
    .min(2)
    .optional()
    .describe(
      'At most so many pairs in an epoch, at most half of them of one kind; which ones is decided by the seed. Absent: all.',
    ),
  mostPerLabel: z
    .int()
    .positive()
    .default(16)
    .describe('Training texts that a label may have; more are refused, as classification does better with many.'),
});
