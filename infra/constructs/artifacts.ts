import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';

/** What both buckets have in common. */
const closed = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  encryption: BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
} as const;

/** The bucket with `profiles/`, `datasets/`, `validation/`, `weights/`, `prices/`, `runs/`, `comparisons/` and `rejected/`, and its access logs. */
export class Artifacts extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { retention, removal }: Pick<Settings, 'retention' | 'removal'>) {
    super(scope, id);
    const removalPolicy = removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const abortIncompleteMultipartUploadAfter = Duration.days(2);
    const logs = new Bucket(this, 'AccessLogs', {
      ...closed,
      removalPolicy,
      lifecycleRules: [{ expiration: Duration.days(retention.accessLogDays), abortIncompleteMultipartUploadAfter }],
    });
    this.bucket = new Bucket(this, 'Bucket', {
      ...closed,
      removalPolicy,
      versioned: true,
      serverAccessLogsBucket: logs,
      lifecycleRules: [
        {
          id: 'replaced-versions',
          noncurrentVersionExpiration: Duration.days(retention.replacedDays),
          expiredObjectDeleteMarker: true,
          abortIncompleteMultipartUploadAfter,
        },
        { id: 'rejected', prefix: 'rejected/', expiration: Duration.days(retention.rejectedDays) },
        ...largeFiles(retention.runFilesDays),
      ],
    });
    acknowledge(
      this.bucket,
      'CloudFormation-Validate::W9003',
      'Only of files larger than 1 MiB: CDK writes the size as a number, which CloudFormation takes for its text.',
    );
    // The property of the L2 bucket would deploy a function to set this.
    (this.bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
      eventBridgeConfiguration: { eventBridgeEnabled: true },
    };
  }
}

/** Deletes large files of runs, and of comparisons' runs, so many days after they were written. */
function largeFiles(days: number | undefined): LifecycleRule[] {
  if (days === undefined) return [];
  return ['runs', 'comparisons'].map((folder) => ({
    id: `large-files-of-${folder}`,
    prefix: `${folder}/`,
    objectSizeGreaterThan: Size.mebibytes(1).toBytes(),
    expiration: Duration.days(days),
  }));
}
