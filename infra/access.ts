/** Which keys of the bucket each role reads, writes and deletes: the whole of it, in one table. */
import { Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { acknowledge, prefixFindings } from './acknowledge.ts';

export interface Access {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly delete?: readonly string[];
  /** The keys whose tags are set and taken away. */
  readonly tag?: readonly string[];
}

/** A pattern of keys below a run: of one of its own, and of one of a comparison. */
const ofRuns = (rest: string) => [`runs/*/${rest}`, `comparisons/*/runs/*/${rest}`] as const;

const run = ofRuns('*');
const record = ofRuns('run.json');
const outcome = ofRuns('outcome.json');
/** The results on test data. */
const tested = ofRuns('test.json');
const epochs = ofRuns('epochs/*');
const results = ofRuns('results/*');
const model = ofRuns('model/*');
/** The files that a commit writes beside the epochs. */
const heads = [...ofRuns('head.json'), ...ofRuns('best.json')];
/** What other programs show of a run: written behind its commits, and at its end. */
const trackers = ofRuns('trackers/*');
/** The events that other systems are told. */
const events = ofRuns('events/*');
/** What every task has used: noted at the epoch after the head, at the prices in force, and added up by the day for the service. */
const meter = [...ofRuns('meter/*'), 'spend/*'] as const;
/** The notes of calls of functions that are under way; how far the meter has got is read beside them. */
const begun = ofRuns('meter/begun/*');
const prices = 'prices/*';
/** The inputs of runs. */
const inputs = ['datasets/*', 'validation/*', 'weights/*'];

/** The notes of data sets that no run can be made of. */
const refusals = 'rejected-versions/*';

/** The settings of comparisons. */
const compared = 'comparisons/*/compare.json';
const plans = 'comparisons/*/plans.json';
const ledger = 'comparisons/*/budget.json';
const comparedResults = 'comparisons/*/results/*';
const comparisonOutcome = 'comparisons/*/outcome.json';
const comparedRuns = 'comparisons/*/runs/*';
/** A run that has ended: what it came to is noted, and its weights are freed. */
const settling = {
  read: [compared, plans, ledger, comparedResults, comparedRuns],
  write: [ledger, comparedResults],
  delete: ['comparisons/*/runs/*/epochs/*', 'comparisons/*/runs/*/model/*'],
};

export const access = {
  launch: {
    // Runs of profiles alone: those of a comparison are begun by it.
    read: ['profiles/*', ...inputs, 'runs/*/request.json', 'runs/*/run.json', 'runs/*/outcome.json', refusals],
    write: ['runs/*/request.json'],
  },
  prepare: {
    read: [...inputs, prices, ...run, refusals],
    // The tokenizer of a language model goes into its exported folder at once.
    write: [...record, ...model, ...heads, ...epochs, ...meter, ...events, 'rejected*/*'],
    delete: [...outcome, ...tested, ...epochs, ...events, ...begun, 'datasets/*', refusals],
    tag: run,
  },
  'train-epoch': {
    read: [...inputs, prices, ...run],
    write: [...record, ...tested, ...heads, ...epochs, ...results, ...meter, ...events, ...trackers],
    delete: [...epochs, ...results, ...trackers],
  },
  'collect-epoch': { read: [prices, ...run], write: meter, delete: begun },
  'plan-analysis': { read: [prices, ...run], write: meter, delete: begun },
  // What an adapter is added to is read from its base.
  'analyse-shard': {
    read: ['weights/*', prices, ...record, ...ofRuns('head.json'), ...ofRuns('meter/*'), ...epochs],
    write: [...epochs, ...meter],
    delete: begun,
  },
  'set-rates': { read: [prices, ...run], write: [...epochs, ...meter], delete: begun },
  checkpoint: {
    read: [prices, ...run],
    write: [...heads, ...epochs, ...meter, ...events, ...trackers],
    delete: [...epochs, ...results, ...trackers, ...begun],
  },
  finalise: {
    // The report of a run of a comparison points to the comparison.
    read: [prices, ...run, compared],
    write: [...model, ...ofRuns('report.html'), ...outcome, ...meter, ...events, ...trackers],
    delete: [...results, ...begun],
    // What may be deleted when it is old.
    tag: run,
  },
  'record-failure': {
    read: [prices, ...run],
    write: [...outcome, ...meter, ...events, ...trackers],
    delete: begun,
  },
  'ask-approval': { read: [prices, ...run], write: [...ofRuns('approval.json'), ...meter], delete: begun },
  publish: {
    read: [prices, ...run],
    write: [...ofRuns('publication.json'), ...meter],
    delete: [...ofRuns('approval.json'), ...begun],
    // As Finalise, where a model is published after it.
    tag: run,
  },
  'publish-event': { read: events, write: [] },
  // It settles runs of the round before that could not be settled when they ended.
  'plan-round': {
    read: settling.read,
    write: [...settling.write, plans],
    delete: [...settling.delete, comparedResults],
  },
  // A run whose result was lost, and whose weights are freed, is deleted and begins anew.
  'admit-run': {
    read: [compared, plans, ledger, comparedResults, comparedRuns],
    write: [ledger, comparedResults, 'comparisons/*/runs/*/request.json'],
    delete: [comparedRuns],
  },
  'settle-run': settling,
  'judge-runs': {
    read: [compared, comparedResults],
    write: [
      ...['result.json', 'costs.json', 'report.html', 'winner*.yaml'].map((file) => `comparisons/*/${file}`),
      comparisonOutcome,
    ],
  },
  'record-comparison-failure': { read: [], write: [comparisonOutcome] },
} as const satisfies Record<string, Access>;

export type RoleName = keyof typeof access;

const actions = {
  read: ['s3:GetObject', 's3:GetObjectVersion'],
  write: ['s3:PutObject', 's3:AbortMultipartUpload'],
  delete: ['s3:DeleteObject'],
  tag: ['s3:PutObjectTagging', 's3:DeleteObjectTagging'],
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
  for (const kind of ['read', 'write', 'delete', 'tag'] as const) {
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
      'Names of runs, comparisons, profiles and data sets are not known when the role is made; each role has only its own prefixes.',
      prefixFindings(bucket, patterns),
    );
  }
  grantKey(role, bucket, row);
}

/** Where a customer's key encrypts the bucket, S3 uses it in the name of who reads or writes; the parts of an upload are read, too. */
function grantKey(role: IRole, { encryptionKey: key }: IBucket, row: Access): void {
  if (!key) return;
  const keyActions = row.write.length > 0 ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'];
  role.addToPrincipalPolicy(new PolicyStatement({ sid: 'BucketKey', actions: keyActions, resources: [key.keyArn] }));
}
