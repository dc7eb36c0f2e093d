import { z } from 'zod';

export const publishTargets = ['s3', 'huggingface', 'sagemaker'] as const;

/** Where a deployed run's model goes when the run has ended, and whether a person is asked before. */
export const publishSchema = z
  .strictObject({
    to: z
      .enum(publishTargets)
      .describe(
        'Where the exported model is published when a deployed run has ended: a prefix in S3, a repository on the Hugging Face Hub, or a group in the SageMaker Model Registry. Which one is said by the deployment (`publishing`).',
      ),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, ".", "_" and "-", 63 at most')
      .optional()
      .describe('Name of the folder in S3, or of the repository; absent: the profile.'),
    approval: z
      .boolean()
      .default(true)
      .describe('Whether a person is asked before, by mail, and answers by `npx tempbalance cloud approve <run>`.'),
  })
  .describe(
    'Publishes the best model when a deployed run has ended well, once. Absent: it stays in the bucket. Without effect on a run on this machine, and on runs of comparisons.',
  );
export type PublishSettings = z.infer<typeof publishSchema>;
