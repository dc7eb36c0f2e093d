import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { EventInvokeConfig } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import type { Functions } from './functions.ts';

/** The source of the events that are published. */
const source = 'tempbalance';

const delivery = { retryAttempts: 24, maxEventAge: Duration.hours(6) };

/** How often a message of the webhook's queue is taken up before it is set aside, and after how long it comes again. */
const webhookDelivery = { receives: 20, again: Duration.minutes(6) };

interface RunEventsProps {
  readonly bucket: IBucket;
  readonly functions: Functions;
  /** The queue for events that could not be published. */
  readonly deadLetters: Queue;
  readonly topic: ITopic;
  readonly customerKey: IKey | undefined;
  readonly settings: Pick<Settings, 'name' | 'webhook'>;
}

/**
 * Events of runs on the account's default bus, and to a webhook. Tasks note them in the bucket, which training jobs reach from any
 * network, and S3 tells of every note.
 */
export class RunEvents extends Construct {
  constructor(scope: Construct, id: string, props: RunEventsProps) {
    super(scope, id);
    this.publishes(props);
    if (props.settings.webhook) this.sends(props, props.settings.webhook);
  }

  private publishes({ bucket, functions, deadLetters }: RunEventsProps): void {
    const publish = functions.get('publish-event');
    publish.addToRolePolicy(
      new PolicyStatement({
        sid: 'Publish',
        actions: ['events:PutEvents'],
        resources: [Stack.of(this).formatArn({ service: 'events', resource: 'event-bus', resourceName: 'default' })],
        conditions: { StringEquals: { 'events:source': source } },
      }),
    );
    new EventInvokeConfig(this, 'Asynchronous', {
      function: publish,
      retryAttempts: 2,
      maxEventAge: delivery.maxEventAge,
      onFailure: new SqsDestination(deadLetters),
    });
    new Rule(this, 'Noted', {
      description: 'A task has noted an event of a run',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [bucket.bucketName] },
          object: {
            key: ['runs/*/events/*.json', 'comparisons/*/runs/*/events/*.json'].map((wildcard) => ({ wildcard })),
          },
        },
      },
      targets: [new LambdaFunction(publish, { ...delivery, deadLetterQueue: deadLetters })],
    });
  }

  private sends(
    { functions, topic, customerKey, settings }: RunEventsProps,
    webhook: NonNullable<Settings['webhook']>,
  ): void {
    const send = functions.get('send-webhook');
    const closed = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) };
    const refused = new Queue(this, 'WebhookDeadLetters', closed);
    const queue = new Queue(this, 'WebhookQueue', {
      ...closed,
      visibilityTimeout: webhookDelivery.again,
      deadLetterQueue: { queue: refused, maxReceiveCount: webhookDelivery.receives },
    });
    acknowledge(refused, 'AwsSolutions-SQS3', 'It is the dead-letter queue.');
    new Rule(this, 'Published', {
      description: 'An event of a run of this service',
      eventPattern: { source: [source], detail: { service: [settings.name] } },
      targets: [new SqsQueue(queue, { message: RuleTargetInput.fromEventPath('$.detail') })],
    });
    send.addEventSource(new SqsEventSource(queue, { batchSize: 1, maxConcurrency: 2, reportBatchItemFailures: true }));
    send.addEnvironment('TEMPBALANCE_WEBHOOK_URL', webhook.url);
    send.addEnvironment('TEMPBALANCE_WEBHOOK_SECRET', webhook.secretArn);
    send.addToRolePolicy(
      new PolicyStatement({
        sid: 'Secret',
        actions: ['secretsmanager:GetSecretValue'],
        resources: [webhook.secretArn],
      }),
    );
    if (customerKey) {
      const statement = { sid: 'SecretKey', actions: ['kms:Decrypt'], resources: [customerKey.keyArn] };
      send.addToRolePolicy(new PolicyStatement(statement));
    }
    new Alarm(this, 'WebhookRefused', {
      metric: refused.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' }),
      threshold: 0,
      alarmDescription:
        'The webhook has not taken events; they are in its dead-letter queue, which can be started again.',
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(topic));
  }
}
