/** Which keys of the bucket each role reads, writes and deletes: the whole of it, in one table. */
import { Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { acknowledge, prefixFindings } from './acknowledge.ts';

export interface Access {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly delete?: readonly string[];
}

const run = 'runs/*';
const epochs = 'runs/*/epochs/*';
const results = 'runs/*/results/*';
/** What a commit writes beside the epochs. */
const heads = ['runs/*/head.json', 'runs/*/best.json'];
/** What every task has used: noted at the epoch after the head, at the prices in force. */
const meter = 'runs/*/meter/*';
const prices = 'prices/*';
/** What runs begin with. */
const inputs = ['datasets/*', 'validation/*', 'weights/*'];

export const access = {
  launch: {
    read: ['profiles/*', ...inputs, 'runs/*/request.json', 'runs/*/run.json', 'runs/*/outcome.json'],
    write: ['runs/*/request.json'],
  },
  prepare: {
    read: [...inputs, prices, run],
    // The tokenizer of a language model goes into its exported folder at once.
    write: ['runs/*/run.json', 'runs/*/model/*', ...heads, epochs, meter, 'rejected/*'],
    delete: ['runs/*/outcome.json', 'runs/*/test.json', epochs, 'datasets/*'],
  },
  'train-epoch': {
    read: [...inputs, prices, run],
    write: ['runs/*/run.json', 'runs/*/test.json', ...heads, epochs, results, meter],
    delete: [epochs, results],
  },
  'collect-epoch': { read: [prices, run], write: [meter] },
  'plan-analysis': { read: [prices, run], write: [meter] },
  // What an adapter is added to is read from its base.
  'analyse-shard': {
    read: ['weights/*', prices, 'runs/*/run.json', 'runs/*/head.json', epochs],
    write: [epochs, meter],
  },
  'set-rates': { read: [prices, run], write: [epochs, meter] },
  checkpoint: { read: [prices, run], write: [...heads, epochs, meter], delete: [epochs, results] },
  finalise: {
    read: [prices, run],
    write: ['runs/*/model/*', 'runs/*/report.html', 'runs/*/outcome.json', meter],
    delete: [results],
  },
  'record-failure': { read: [prices, run], write: ['runs/*/outcome.json', meter] },
} as const satisfies Record<string, Access>;

export type RoleName = keyof typeof access;

const actions = {
  read: ['s3:GetObject', 's3:GetObjectVersion'],
  write: ['s3:PutObject', 's3:AbortMultipartUpload'],
  delete: ['s3:DeleteObject'],
} as const;

/**
 * Grants a role its rows of the table. Listing is for the whole bucket: without it S3 answers 403 and not 404 for a key that
 * isn't there, and a condition on the prefix would not hold for reading, which has none.
 */
export function grantAccess(role: IRole, bucket: IBucket, name: RoleName): void {
  const row: Access = access[name];
  role.addToPrincipalPolicy(
    new PolicyStatement({ sid: 'List', actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
  );
  for (const kind of ['read', 'write', 'delete'] as const) {
    const patterns = row[kind] ?? [];
    if (patterns.length === 0) continue;
    role.addToPrincipalPolicy(
      new PolicyStatement({
        sid: kind[0]!.toUpperCase() + kind.slice(1),
        effect: Effect.ALLOW,
        actions: [...actions[kind]],
        resources: patterns.map((pattern) => bucket.arnForObjects(pattern)),
      }),
    );
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'Names of runs, profiles and data sets are not known when the role is made; each role has only its own prefixes.',
      prefixFindings(bucket, patterns),
    );
  }
}
