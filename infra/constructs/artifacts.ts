import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
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

/** The properties that both buckets share. */
const closed = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
} as const;

interface ArtifactsProps {
  /** A key of the customer's own. */
  readonly key?: IKey | undefined;
  readonly settings: Pick<Settings, 'retention' | 'removal'>;
}

/** The bucket with `profiles/`, `datasets/`, `validation/`, `weights/`, `prices/`, `spend/`, `runs/`, `comparisons/` and `rejected/`, and its access logs. */
export class Artifacts extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { key, settings: { retention, removal } }: ArtifactsProps) {
    super(scope, id);
    const removalPolicy = removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const abortIncompleteMultipartUploadAfter = Duration.days(2);
    const logs = new Bucket(this, 'AccessLogs', {
      ...closed,
      // S3 delivers access logs to no bucket that a key of KMS encrypts.
      encryption: BucketEncryption.S3_MANAGED,
      removalPolicy,
      lifecycleRules: [{ expiration: Duration.days(retention.accessLogDays), abortIncompleteMultipartUploadAfter }],
    });
    this.bucket = new Bucket(this, 'Bucket', {
      ...closed,
      // A key of the bucket's own below the customer's, so that KMS is not asked for every object.
      ...(key === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
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
        // What was spent counts for a month at most.
        { id: 'spend', prefix: 'spend/', expiration: Duration.days(70) },
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

/**
 * Deletes large files of runs, and of comparisons' runs, so many days after they were written, once their run has ended: Finalise
 * marks them, and Prepare takes the mark away when the run goes on.
 */
function largeFiles(days: number | undefined): LifecycleRule[] {
  if (days === undefined) return [];
  return ['runs', 'comparisons'].map((folder) => ({
    id: `large-files-of-${folder}`,
    prefix: `${folder}/`,
    objectSizeGreaterThan: Size.mebibytes(1).toBytes(),
    tagFilters: { 'tempbalance-ended': 'yes' },
    expiration: Duration.days(days),
  }));
}
