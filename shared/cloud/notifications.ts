import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { ProgressEvent } from '../pipeline/context.ts';

/** A message to people. */
export interface Notification {
  readonly subject: string;
  readonly message: string;
}

/** What people are told of an event; most are not worth a message. */
export function notificationOf(event: ProgressEvent, bucket: string): Notification | undefined {
  if (event.type !== 'finished' || event.outcome === 'running') return undefined;
  const { run, outcome, reason } = event;
  const place = `s3://${bucket}/${run}`;
  const lines =
    outcome === 'failed'
      ? [
          `${run} failed:`,
          reason,
          '',
          `What is committed is kept: ${place}/`,
          `tempbalance cloud resume ${nameOf(run)}`,
        ]
      : [`${run}: ${outcome}, ${reason}`, '', `model   ${place}/model/`, `report  ${place}/report.html`];
  return { subject: `tempbalance: ${nameOf(run)} ${outcome}`.slice(0, 100), message: lines.join('\n') };
}

const nameOf = (run: string) => run.split('/').at(-1)!;

/** Publishes to a topic. */
export async function publish(client: SNSClient, topic: string, { subject, message }: Notification): Promise<void> {
  await client.send(new PublishCommand({ TopicArn: topic, Subject: subject, Message: message }));
}
