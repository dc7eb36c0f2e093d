import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge, prefixFindings } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';

/** The inputs that go to the other region with a run. */
const inputs = ['datasets/*', 'validation/*', 'weights/*'];

/** What says here where a run goes on, and there how it ended before. */
const noted = 'runs/*/outcome.json';

/** What names the command by which a comparison is done in the other region. */
const compared = 'comparisons/*/compare.json';

interface FallbackProps {
  readonly bucket: IBucket;
  /** The functions that find out that no machine is to be had. */
  readonly functions: readonly Lambda[];
  readonly region: string;
  readonly settings: Pick<Settings, 'name' | 'fallbackKmsKeyArn'>;
}

/** The right to hand a run over to the deployment of the same name in another region, which is found when it is needed. */
export class Fallback extends Construct {
  private readonly props: FallbackProps;

  constructor(scope: Construct, id: string, props: FallbackProps) {
    super(scope, id);
    this.props = props;
    for (const each of props.functions) {
      each.addEnvironment('TEMPBALANCE_FALLBACK', JSON.stringify({ stack: props.settings.name, region: props.region }));
      this.letHandOver(each.role as IRole);
    }
  }

  private letHandOver(role: IRole): void {
    const { bucket, region } = this.props;
    const { name, fallbackKmsKeyArn } = this.props.settings;
    const stack = Stack.of(this);
    const there = (service: string, resource: string, resourceName: string, arnFormat?: ArnFormat) =>
      stack.formatArn({ service, region, resource, resourceName, ...(arnFormat ? { arnFormat } : {}) });
    // CloudFormation names the bucket after the stack, and adds what nobody knows beforehand.
    const bucketThere = `arn:${stack.partition}:s3:::${name}-artifactsbucket*`;
    const prefixes = ['runs/*', ...inputs];
    const objectsThere = prefixes.map((prefix) => `${bucketThere}/${prefix}`);
    const outcomesThere = `${bucketThere}/${noted}`;
    const ofAccount = { StringEquals: { 'aws:ResourceAccount': stack.account } };
    const statements = [
      new PolicyStatement({
        sid: 'FindFallback',
        actions: ['cloudformation:DescribeStacks'],
        resources: [there('cloudformation', 'stack', `${name}/*`)],
      }),
      new PolicyStatement({
        sid: 'StartThere',
        actions: ['states:StartExecution'],
        resources: [there('states', 'stateMachine', name, ArnFormat.COLON_RESOURCE_NAME)],
      }),
      new PolicyStatement({
        sid: 'ListThere',
        actions: ['s3:ListBucket'],
        resources: [bucketThere],
        conditions: ofAccount,
      }),
      new PolicyStatement({
        sid: 'CopyThere',
        actions: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'],
        resources: objectsThere,
        conditions: ofAccount,
      }),
      new PolicyStatement({
        sid: 'ForgetEndThere',
        actions: ['s3:DeleteObject'],
        resources: [outcomesThere],
        conditions: ofAccount,
      }),
      new PolicyStatement({
        sid: 'NoteWhere',
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(noted)],
      }),
      new PolicyStatement({
        sid: 'ReadInputs',
        actions: ['s3:GetObject', 's3:GetObjectVersion'],
        resources: [...inputs, compared].map((prefix) => bucket.arnForObjects(prefix)),
      }),
    ];
    for (const statement of statements) role.addToPrincipalPolicy(statement);
    if (fallbackKmsKeyArn !== undefined) {
      // The parts of an upload are read, too.
      const actions = ['kms:Decrypt', 'kms:GenerateDataKey'];
      role.addToPrincipalPolicy(new PolicyStatement({ sid: 'KeyThere', actions, resources: [fallbackKmsKeyArn] }));
    }
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'The bucket and the stack in the other region are named by CloudFormation; runs and data sets have no name beforehand.',
      [
        `Resource::arn:<AWS::Partition>:cloudformation:${region}:<AWS::AccountId>:stack/${name}/*`,
        ...[bucketThere, ...objectsThere, outcomesThere].map(
          (arn) => `Resource::${arn.replace(stack.partition, '<AWS::Partition>')}`,
        ),
        ...prefixFindings(bucket, [...inputs, compared, noted]),
      ],
    );
  }
}
