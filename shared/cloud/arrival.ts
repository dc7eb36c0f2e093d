import { z } from 'zod';

/** S3's event for a new object, as EventBridge delivers it. */
export const arrivalSchema = z.object({
  source: z.literal('aws.s3'),
  detail: z.object({
    bucket: z.object({ name: z.string() }),
    object: z.object({ key: z.string(), 'version-id': z.string().optional() }),
  }),
});
