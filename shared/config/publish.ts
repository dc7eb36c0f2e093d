import { z } from 'zod';

export const publishTargets = ['s3', 'huggingface', 'sagemaker'] as const;

/** Where a deployed run's model goes when the run has ended, and whether a person is asked before. */
export const publishSchema = z
  .strictObject({
    to: z
      .enum(publishTargets)
      .describe(
        'The place: a folder in S3, a repository on the Hugging Face Hub, or a group in the SageMaker Model Registry. The deployment says which one (`publishing`).',
      ),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, ".", "_" and "-", 63 at most')
      .optional()
      .describe('Name of the folder in S3, or of the repository. Absent: the name of the profile.'),
    approval: z
      .boolean()
      .default(true)
      .describe(
        'Whether a person must approve first. They are asked by mail, and answer by `npx tempbalance cloud approve <run>`.',
      ),
  })
  .describe(
    'Publishes the best model once, when a deployed run has ended well. It has no effect on a run on this machine, or on runs of comparisons. Absent: the model stays in the bucket.',
  );
export type PublishSettings = z.infer<typeof publishSchema>;
