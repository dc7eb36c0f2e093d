/** The places that a deployment publishes models to, as it tells its functions. */
import { z } from 'zod';
import type { PublishTarget } from '../pipeline/context.ts';

export const publishingSchema = z.strictObject({
  s3: z.string().optional(),
  huggingface: z
    .strictObject({
      namespace: z.string(),
      tokenArn: z.string(),
      visibility: z.enum(['private', 'public']),
      hubUrl: z.string().optional(),
    })
    .optional(),
  sagemaker: z.strictObject({ group: z.string(), image: z.string() }).optional(),
});
export type Publishing = z.output<typeof publishingSchema>;

/** The publishing settings of an environment; none where it has none. */
export const publishingIn = (text: string | undefined): Publishing => publishingSchema.parse(JSON.parse(text ?? '{}'));

export const targetsOf = (publishing: Publishing): PublishTarget[] =>
  (['s3', 'huggingface', 'sagemaker'] as const).filter((to) => publishing[to] !== undefined);
