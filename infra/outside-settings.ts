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
    per: z.enum(['day', 'month']).default('month').describe('Of the calendar, in UTC.'),
  })
  .optional()
  .describe(
    'What all runs of the service may spend: above it no new run begins, and those under way go on ([how](costs.md#a-ceiling-for-the-whole-service)). Absent: no limit.',
  );

export const webhookSchema = z
  .strictObject({
    url: z
      .string()
      .superRefine((url, context) => {
        const message = problemWithUrl(url);
        if (message) context.addIssue({ code: 'custom', message });
      })
      .describe('Where events are sent to, by POST: https, and an address of the internet.'),
    secretArn: secretArn().describe(
      'The secret by which they are signed, in Secrets Manager: `whsec_` and a key of at least 24 bytes in base64.',
    ),
  })
  .optional()
  .describe(
    'Sends the events of runs to an address of yours, signed ([how](events.md#the-webhook)). Absent: none are sent.',
  );
