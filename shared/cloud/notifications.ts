import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { comparisonOfRun } from '../checkpoints/comparison-keys.ts';
import type { ComparisonEvent } from '../pipeline/comparison/context.ts';
import type { ProgressEvent } from '../pipeline/context.ts';
import { formatUsd } from '../reports/format.ts';

/** A message to people. */
export interface Notification {
  readonly subject: string;
  readonly message: string;
}

/** What people are told of an event; most are not worth a message. The runs of a comparison are told of by the comparison, at its end. */
export function notificationOf(event: ProgressEvent, bucket: string): Notification | undefined {
  if ('run' in event && comparisonOfRun(event.run) !== undefined) return undefined;
  if (event.type === 'refused') return refusal(event);
  if (event.type === 'approval') return question(event);
  if (event.type === 'published') {
    const { run, to, address } = event;
    return {
      subject: subjectOf(run, 'is published'),
      message: `The model of ${run} is published to ${to}:\n${address}`,
    };
  }
  if (event.type !== 'finished' || event.outcome === 'running') return undefined;
  const { run, outcome, reason, usd } = event;
  const place = `s3://${bucket}/${run}`;
  const lines =
    outcome === 'failed'
      ? [
          `${run} failed:`,
          reason,
          '',
          `What is committed is kept: ${place}/`,
          `npx tempbalance cloud resume ${nameOf(run)}`,
        ]
      : [
          `${run}: ${outcome}, ${reason}`,
          '',
          `model   ${place}/model/`,
          `report  ${place}/report.html`,
          ...(usd === undefined ? [] : [`cost    ${formatUsd(usd)}`]),
        ];
  return { subject: subjectOf(run, outcome), message: lines.join('\n') };
}

/** The question to people before a model is published. */
function question({ run, to, days }: Extract<ProgressEvent, { type: 'approval' }>): Notification {
  const lines = [
    `${run} has ended. Its model is published to ${to} when somebody approves of it within ${days} days:`,
    `npx tempbalance cloud approve ${nameOf(run)}`,
    '',
    'Or not:',
    `npx tempbalance cloud approve ${nameOf(run)} --reject`,
    '',
    'Model and report:',
    `npx tempbalance cloud fetch ${nameOf(run)}`,
  ];
  return { subject: subjectOf(run, 'waits for your approval'), message: lines.join('\n') };
}

function refusal({ run, reason }: { readonly run: string; readonly reason: string }): Notification {
  const lines = [
    `An execution of ${run} has ended with an error, and left the run as it was:`,
    reason,
    '',
    'Whether another one is at it:',
    `npx tempbalance cloud status ${nameOf(run)}`,
  ];
  return { subject: subjectOf(run, 'was not gone on with'), message: lines.join('\n') };
}

/** The message to people about the end of a comparison. */
export function comparisonNotification(event: ComparisonEvent, bucket: string): Notification | undefined {
  if (event.type !== 'judged' && event.type !== 'comparisonFailed') return undefined;
  const { comparison } = event;
  const place = `s3://${bucket}/${comparison}`;
  const lines =
    event.type === 'judged'
      ? [event.headline, '', `report  ${place}/report.html`, `npx tempbalance cloud fetch ${nameOf(comparison)}`]
      : [
          `${comparison} failed:`,
          event.reason,
          '',
          `Finished runs are kept: ${place}/`,
          `npx tempbalance cloud resume ${nameOf(comparison)}`,
        ];
  const what = event.type === 'judged' ? 'is judged' : 'failed';
  return { subject: subjectOf(comparison, what), message: lines.join('\n') };
}

/** The subject of a message, cut to the longest that is allowed. */
const subjectOf = (run: string, what: string) => `tempbalance: ${nameOf(run)} ${what}`.slice(0, 100);

const nameOf = (run: string) => run.split('/').at(-1)!;

/** Publishes to a topic. */
export async function publish(client: SNSClient, topic: string, { subject, message }: Notification): Promise<void> {
  await client.send(new PublishCommand({ TopicArn: topic, Subject: subject, Message: message }));
}
