/** Settings of what a deployment tells other systems, and what it may spend. */
import { z } from 'zod';
import { problemWithUrl } from '../shared/core/public-address.ts';

const secretArn = () =>
  z
    .string()
    .regex(
      /^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+$/,
      'must be the ARN of a secret in Secrets Manager',
    );

export const ceilingSchema = z
  .strictObject({
    usd: z.number().positive().describe('US dollars, as the meter counts them.'),
    per: z.enum(['day', 'month']).default('month').describe('The period: a calendar day or month, in UTC.'),
  })
  .optional()
  .describe(
    'What all runs of the service may spend together. Above it, no new run begins; runs that have begun go on ([how](costs.md#a-ceiling-for-the-whole-service)). Absent: no limit.',
  );

export const publishingSchema = z
  .strictObject({
    s3: z
      .string()
      .regex(
        /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/(?:[^/]+\/)*$/,
        'must be a bucket or a folder in one, with a slash at the end, as in s3://models/tempbalance/',
      )
      .optional()
      .describe('A folder in S3. A model goes into `<name>/<run>/` below it.'),
    huggingface: z
      .strictObject({
        namespace: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,41}$/, 'must be the name of a user or an organization')
          .describe('User or organization that owns the repositories.'),
        tokenArn: secretArn().describe('The secret in Secrets Manager with a token that may write there.'),
        visibility: z
          .enum(['private', 'public'])
          .default('private')
          .describe('The visibility of repositories that are made.'),
      })
      .optional()
      .describe('The Hugging Face Hub: a repository for each name.'),
    sagemaker: z
      .strictObject({
        group: z
          .string()
          .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/, 'must be the name of a model package group')
          .describe('The model package group; it must exist already.'),
        image: z
          .string()
          .regex(/^\d{12}\.dkr\.ecr\.[^/]+\/.+$/, 'must be an image in ECR')
          .describe('The container that serves the models.'),
      })
      .optional()
      .describe('The SageMaker Model Registry: a version for each model.'),
  })
  .prefault({})
  .describe('Places to which runs with `publish` may publish their models ([how](publish.md)).');

export const webhookSchema = z
  .strictObject({
    url: z
      .string()
      .superRefine((url, context) => {
        const message = problemWithUrl(url);
        if (message) context.addIssue({ code: 'custom', message });
      })
      .describe('Address to which events are sent by POST. It must be https, and public on the internet.'),
    secretArn: secretArn().describe(
      'The secret in Secrets Manager that signs the events: `whsec_` and a key of at least 24 bytes in base64.',
    ),
  })
  .optional()
  .describe(
    'Sends signed events of runs to an address of yours ([how](events.md#the-webhook)). Absent: no events are sent.',
  );
