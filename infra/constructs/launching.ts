import { Duration, RemovalPolicy, Stack, TimeZone } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { EventInvokeConfig, type Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  ContextAttribute,
  Schedule,
  ScheduleExpression,
  ScheduleGroup,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge, resourceFinding } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import { workflowArn } from './document-machine.ts';

interface LaunchingProps {
  readonly bucket: IBucket;
  readonly launch: Lambda;
  readonly settings: Pick<Settings, 'name' | 'schedules'>;
}

const delivery = { retryAttempts: 8, maxEventAge: Duration.hours(6) };

/** What starts runs: a data set that arrives, the clock, or a person who calls the function. Lost events end in a queue. */
export class Launching extends Construct {
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { bucket, launch, settings }: LaunchingProps) {
    super(scope, id);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(this.deadLetters, 'AwsSolutions-SQS3', 'It is the dead-letter queue.');
    this.startsRuns(launch, settings.name);
    this.onDataSets(bucket, launch);
    this.onSchedule(launch, settings);
  }

  /** What the function needs besides its keys, and where an event goes that it fails on three times. */
  private startsRuns(launch: Lambda, name: string): void {
    const started = new Table(this, 'Started', {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'expiration',
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(started, 'AwsSolutions-DDB3', 'It remembers for hours which events were handled: nothing to restore.');
    launch.addEnvironment('TEMPBALANCE_IDEMPOTENCY_TABLE', started.tableName);
    launch.addEnvironment('TEMPBALANCE_STATE_MACHINE', workflowArn(Stack.of(this), name));
    launch.addToRolePolicy(
      new PolicyStatement({
        sid: 'Start',
        actions: ['states:StartExecution'],
        resources: [workflowArn(Stack.of(this), name)],
      }),
    );
    launch.addToRolePolicy(
      new PolicyStatement({
        sid: 'HandledEvents',
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
        resources: [started.tableArn],
      }),
    );
    new EventInvokeConfig(this, 'Asynchronous', {
      function: launch,
      retryAttempts: 2,
      maxEventAge: delivery.maxEventAge,
      onFailure: new SqsDestination(this.deadLetters),
    });
  }

  private onDataSets(bucket: IBucket, launch: Lambda): void {
    new Rule(this, 'DataSetArrived', {
      description: 'A data set of a profile was uploaded',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [bucket.bucketName] },
          // Empty objects are what consoles make for a folder.
          object: { key: [{ wildcard: 'datasets/*/*' }], size: [{ numeric: ['>', 0] }] },
        },
      },
      targets: [new LambdaFunction(launch, { ...delivery, deadLetterQueue: this.deadLetters })],
    });
  }

  private onSchedule(launch: Lambda, { schedules }: Pick<Settings, 'schedules'>): void {
    if (schedules.length === 0) return;
    const scheduleGroup = new ScheduleGroup(this, 'Schedules', { removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'ScheduleRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: 'Calls the function that starts runs',
    });
    acknowledge(role, 'AwsSolutions-IAM5', 'Versions of the one function that the schedules call.', [
      resourceFinding(launch, ':*'),
    ]);
    for (const [index, { profile, cron, timezone }] of schedules.entries()) {
      const schedule = `${profile}-${index + 1}`;
      new Schedule(this, `Schedule${index + 1}`, {
        description: `Trains ${profile} again on its newest data set`,
        schedule: ScheduleExpression.expression(`cron(${cron})`, TimeZone.of(timezone)),
        scheduleGroup,
        target: new LambdaInvoke(launch, {
          ...delivery,
          role,
          deadLetterQueue: this.deadLetters,
          input: ScheduleTargetInput.fromObject({ profile, schedule, time: ContextAttribute.scheduledTime }),
        }),
      });
    }
  }
}
