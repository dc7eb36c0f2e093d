import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';

interface PublishingProps {
  readonly publish: Lambda;
  readonly customerKey: IKey | undefined;
  readonly settings: Pick<Settings, 'publishing'>;
}

/** What the function that publishes models may reach besides the run: the places that the settings name, and no others. */
export class Publishing extends Construct {
  private readonly publish: Lambda;

  constructor(scope: Construct, id: string, { publish, customerKey, settings: { publishing } }: PublishingProps) {
    super(scope, id);
    this.publish = publish;
    const { s3, huggingface, sagemaker } = publishing;
    if (s3 !== undefined) this.toS3(s3);
    if (huggingface) this.allow('Token', ['secretsmanager:GetSecretValue'], [huggingface.tokenArn]);
    if (huggingface && customerKey) this.allow('TokenKey', ['kms:Decrypt'], [customerKey.keyArn]);
    if (sagemaker) this.toRegistry(sagemaker.group);
  }

  private allow(sid: string, actions: string[], resources: string[]): void {
    this.publish.addToRolePolicy(new PolicyStatement({ sid, actions, resources }));
  }

  private toS3(prefix: string): void {
    const [, bucket, folder] = /^s3:\/\/([^/]+)\/(.*)$/.exec(prefix)!;
    const arn = `arn:${Stack.of(this).partition}:s3:::${bucket}`;
    this.allow('Models', ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], [`${arn}/${folder}*`]);
    // Without it a key that isn't there is answered with 403.
    this.allow('ModelsThere', ['s3:ListBucket'], [arn]);
    acknowledge(
      this.publish.role as Role,
      'AwsSolutions-IAM5',
      'Names of models are not known when the role is made.',
      [`Resource::arn:<AWS::Partition>:s3:::${bucket}/${folder}*`],
    );
  }

  private toRegistry(group: string): void {
    const arn = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({ service: 'sagemaker', resource, resourceName });
    const versions = arn('model-package', `${group}/*`);
    this.allow('Versions', ['sagemaker:CreateModelPackage'], [arn('model-package-group', group), versions]);
    acknowledge(this.publish.role as Role, 'AwsSolutions-IAM5', 'Versions have no number before they are made.', [
      `Resource::arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>:model-package/${group}/*`,
    ]);
  }
}
