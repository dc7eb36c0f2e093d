import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

/** AWS services that publish to the topic by themselves; EventBridge is let in where it is given the topic as a target. */
const publishers = ['cloudwatch.amazonaws.com', 'budgets.amazonaws.com'];

interface NotificationsProps {
  /** Takes the place of the topic's own; its policy is the customer's. */
  readonly customerKey?: IKey | undefined;
  readonly settings: Pick<Settings, 'notificationEmail'>;
}

/** One encrypted topic for runs, alarms and spend. AWS services can't publish under AWS's own SNS key, so it has its own. */
export class Notifications extends Construct {
  readonly topic: Topic;
  private readonly key: IKey;

  constructor(scope: Construct, id: string, { customerKey, settings: { notificationEmail } }: NotificationsProps) {
    super(scope, id);
    const ofAccount = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    const principals = publishers.map((service) => new ServicePrincipal(service));
    this.key = customerKey ?? this.ownKey(principals, ofAccount);
    this.topic = new Topic(this, 'Topic', { masterKey: this.key, enforceSSL: true });
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'ServicesThatPublish',
        principals,
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: ofAccount,
      }),
    );
    if (notificationEmail !== undefined) this.topic.addSubscription(new EmailSubscription(notificationEmail));
  }

  private ownKey(principals: ServicePrincipal[], conditions: Record<string, unknown>): Key {
    const key = new Key(this, 'Key', {
      description: 'Notifications of tempbalance',
      enableKeyRotation: true,
      pendingWindow: Duration.days(7),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'ServicesThatPublish',
        principals,
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions,
      }),
    );
    return key;
  }

  grantPublish(role: IRole): void {
    role.addToPrincipalPolicy(
      new PolicyStatement({ sid: 'Notify', actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
    );
    role.addToPrincipalPolicy(
      new PolicyStatement({
        sid: 'NotifyEncrypted',
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [this.key.keyArn],
      }),
    );
  }
}
