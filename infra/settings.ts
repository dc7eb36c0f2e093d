/** What a deployment can be asked for: the context key `tempbalance` in cdk.json, or `-c tempbalance='{...}'`. */
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';
import { type JsonSchema, keysAt } from '../shared/config/schema-walk.ts';
import { messageOf, UserError } from '../shared/core/errors.ts';
import { explainIssues, formatPath } from '../shared/core/problems.ts';
import { ceilingSchema, publishingSchema, webhookSchema } from './outside-settings.ts';

export const contextKey = 'tempbalance';

const keptDays = Object.values(RetentionDays).filter(
  (value): value is RetentionDays => typeof value === 'number' && value !== RetentionDays.INFINITE,
);

const isTimezone = (zone: string) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

/** Minutes, hours, day of month, month, day of week, year; of the two days one is `?`. */
const isCron = (text: string) => {
  const fields = text.split(' ');
  return (
    fields.length === 6 &&
    fields.every((field) => /^[A-Za-z0-9*?,/#-]+$/.test(field)) &&
    (fields[2] === '?') !== (fields[4] === '?')
  );
};

const days = () => z.int().min(1).max(3650);

const digest = () =>
  z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits')
    .optional();

const scheduleSchema = z.strictObject({
  profile: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be the name of a file in profiles/, without .yaml')
    .describe('The profile that is trained again, on its newest data set: `profiles/<profile>.yaml`.'),
  cron: z
    .string()
    .refine(isCron, 'must have six fields (minutes, hours, day of month, month, day of week, year), one day being ?')
    .describe('When, in six fields of cron: `0 3 ? * MON *` is every Monday at 3:00.'),
  timezone: z
    .string()
    .refine(isTimezone, 'is not a time zone; write it as in Europe/Berlin')
    .default('UTC')
    .describe('The time zone of `cron`.'),
});

const ids = (prefix: string, what: string) =>
  z
    .array(
      z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `must be the id of ${what}, as in ${prefix}-0a1b2c3d`),
    )
    .min(1)
    .refine((list) => new Set(list).size === list.length, 'has an id twice');

const ownCidr = '10.73.0.0/16';

/** The first address of a block of IPv4 addresses, and not one inside it. */
const isCidr = (text: string) => {
  const [, address = '', length] = /^((?:\d{1,3}\.){3}\d{1,3})\/(1[6-9]|2[0-2])$/.exec(text) ?? [];
  const parts = address.split('.').map(Number);
  if (length === undefined || parts.some((part) => part > 255)) return false;
  return parts.reduce((sum, part) => sum * 256 + part, 0) % 2 ** (32 - Number(length)) === 0;
};

const networkSchema = z
  .strictObject({
    cidr: z
      .string()
      .refine(isCidr, `must be a block of addresses from /16 to /22, as in ${ownCidr}`)
      .optional()
      .describe(`Addresses of the VPC that the stack makes. Absent: \`${ownCidr}\`.`),
    zones: z
      .int()
      .min(1)
      .max(6)
      .optional()
      .describe(
        'The number of availability zones with a subnet, in the VPC that the stack makes. With more zones, a machine is available more often. The region must have as many (us-west-1: 2). Absent: all zones of the region if `cloud deploy` could ask AWS for them (three with private subnets, whose endpoints cost by zone), else 3.',
      ),
    subnets: z
      .enum(['public', 'private'])
      .optional()
      .describe(
        'public: jobs have public addresses while they run, and no endpoints are needed. private: jobs have no public address, and reach AWS through endpoints. Absent: public in the VPC that the stack makes, private in a VPC that exists already.',
      ),
    vpcId: z
      .string()
      .regex(/^vpc-[0-9a-f]{8,17}$/, 'must be the id of a VPC, as in vpc-0a1b2c3d')
      .optional()
      .describe('A VPC that exists already, in place of one that the stack makes.'),
    subnetIds: ids('subnet', 'a subnet')
      .max(16)
      .optional()
      .describe('The subnets of this VPC in which jobs run; needed with `vpcId`.'),
    securityGroupIds: ids('sg', 'a security group')
      .max(5)
      .optional()
      .describe(
        'The security groups of this VPC that jobs get. Absent: a group that the stack makes; it lets HTTPS out and nothing in.',
      ),
  })
  .superRefine((network, context) => {
    const refuse = (key: keyof typeof network, message: string) => {
      if (network[key] !== undefined) context.addIssue({ code: 'custom', path: [key], message });
    };
    if (network.vpcId === undefined) {
      refuse('subnetIds', 'are subnets of a VPC that is there already: set network.vpcId too');
      refuse('securityGroupIds', 'are of a VPC that is there already: set network.vpcId too');
      return;
    }
    refuse('cidr', 'is for the VPC that the stack makes: leave it out with network.vpcId');
    refuse('zones', 'is for the VPC that the stack makes: with network.vpcId, network.subnetIds say where jobs run');
    if (network.subnetIds !== undefined) return;
    const message = 'are needed with network.vpcId: the subnets that jobs run in';
    context.addIssue({ code: 'custom', path: ['subnetIds'], message });
  })
  .transform((network) => {
    const subnets = network.subnets ?? (network.vpcId === undefined ? 'public' : 'private');
    return { ...network, cidr: network.cidr ?? ownCidr, subnets } as const;
  });

const keyArn = () =>
  z
    .string()
    .regex(/^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, 'must be the ARN of a key, not of an alias')
    .optional();

/** A key is of one region: what goes to another is encrypted by one of that. */
function refuseKeys(
  {
    fallbackRegion,
    kmsKeyArn,
    fallbackKmsKeyArn,
  }: { fallbackRegion?: string | undefined; kmsKeyArn?: string | undefined; fallbackKmsKeyArn?: string | undefined },
  context: z.RefinementCtx,
): void {
  const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  if (fallbackRegion === undefined) {
    if (fallbackKmsKeyArn !== undefined) refuse('fallbackKmsKeyArn', 'is for fallbackRegion: set that too');
    return;
  }
  if (fallbackKmsKeyArn !== undefined) {
    const region = fallbackKmsKeyArn.split(':')[3];
    if (region !== fallbackRegion)
      refuse('fallbackKmsKeyArn', `is a key of ${region}, and fallbackRegion is ${fallbackRegion}`);
  } else if (kmsKeyArn !== undefined) {
    const message =
      'needs fallbackKmsKeyArn beside kmsKeyArn: a key is of one region, and the other region has its own';
    refuse('fallbackRegion', message);
  }
}

/** The vCPUs that Fargate sells with so much memory, in GB. */
export const fargateVcpus = { 16: 4, 30: 4, 60: 8, 120: 16 } as const;

const settingsSchema = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[a-z][a-z0-9-]{1,19}$/,
        'must be 2 to 20 lower-case letters, digits and hyphens, beginning with a letter',
      )
      .default('tempbalance')
      .describe('Name of the stack; the names in it begin with it. Another name makes another, separate service.'),
    gpuClasses: z
      .array(z.enum(['g4dn', 'g5', 'g6', 'g6e']))
      .min(1)
      .refine((classes) => new Set(classes).size === classes.length, 'has a class twice')
      .default(['g4dn', 'g5', 'g6'])
      .describe(
        'Instance classes that GPU jobs may run on. AWS Batch chooses by price and, on Spot, also by capacity.',
      ),
    gpuSize: z
      .enum(['xlarge', '2xlarge'])
      .default('xlarge')
      .describe(
        'Size of the machines with a GPU. xlarge has 4 vCPUs and 16 GiB of memory, 2xlarge has 8 and 32; g6e has twice that memory. A job gets all of the memory but 4 GiB.',
      ),
    maxGpus: z.int().min(1).max(64).default(2).describe('The most GPU jobs at a time, on Spot and on-demand each.'),
    maxVcpus: z
      .int()
      .min(4)
      .max(256)
      .default(16)
      .describe('The most vCPUs of Fargate at a time. A job takes 4, or more by `cpuMemoryGb`.'),
    cpuMemoryGb: z
      .union([z.literal(16), z.literal(30), z.literal(60), z.literal(120)])
      .default(16)
      .describe('Memory of a job without a GPU, in GiB. 16 and 30 come with 4 vCPUs, 60 with 8, and 120 with 16.'),
    waitingLimitMinutes: z
      .int()
      .min(10)
      .max(1440)
      .default(15)
      .describe('How long a job may wait for a Spot instance. Then it is cancelled, and the run goes on on-demand.'),
    onDemandWaitingLimitHours: z
      .int()
      .min(1)
      .max(24)
      .default(6)
      .describe('How long a job may wait for an on-demand instance. Then it is cancelled.'),
    queueLimitHours: z
      .int()
      .min(1)
      .max(168)
      .default(12)
      .describe(
        'How long a job may wait in its queue in all, also behind other jobs. Then it is ended: a run on Spot goes on on-demand, a run on demand fails. A job never waits longer than what is left of `budget.hours`.',
      ),
    scaleDownDelayMinutes: z
      .int()
      .refine((minutes) => minutes === 0 || (minutes >= 20 && minutes <= 10_080), 'must be 0, or from 20 to 10080')
      .default(20)
      .describe(
        'How long a GPU machine is kept after a job, so that the next epoch finds it warm: from 20 to 10,080, or 0 for no time.',
      ),
    functionMemoryMb: z
      .int()
      .min(512)
      .max(10_240)
      .default(3008)
      .describe('Memory of the functions that read data and compute spectra. New accounts are limited to 3008.'),
    notificationEmail: z
      .email('is not an e-mail address')
      .optional()
      .describe('The address that gets notifications of runs, alarms and spending.'),
    monthlyBudgetUsd: z.number().positive().default(50).describe('AWS Budgets warns at 80 % and 100 % of this amount.'),
    budgetScope: z
      .enum(['account', 'tag'])
      .default('tag')
      .describe(
        'What the budget counts. tag: what has the tag of this service (activate the tag for cost allocation first). account: the whole account.',
      ),
    hourlySpendAlarmUsd: z
      .number()
      .positive()
      .default(5)
      .describe('An alarm is raised when the runs of one hour cost more than this.'),
    ceiling: ceilingSchema,
    schedules: z.array(scheduleSchema).max(50).default([]).describe('Times at which profiles are trained again.'),
    retention: z
      .strictObject({
        rejectedDays: days().default(30).describe('Days that data sets in `rejected/` are kept.'),
        replacedDays: days().default(7).describe('Days that replaced and deleted versions of objects are kept.'),
        accessLogDays: days().default(90).describe('Days that access logs of the bucket are kept.'),
        runFilesDays: days()
          .optional()
          .describe(
            'Files larger than 1 MiB (weights, exported models) of runs that have ended are deleted so many days after they were written. A run that failed, that goes on, or whose model waits for approval keeps its files. Absent: they are kept.',
          ),
      })
      .prefault({})
      .describe('How long things in the bucket are kept.'),
    logDays: z
      .int()
      .refine((value) => keptDays.includes(value), `must be one of ${keptDays.join(', ')}`)
      .default(RetentionDays.ONE_MONTH)
      .describe('Days that logs are kept.'),
    removal: z
      .enum(['retain', 'destroy'])
      .default('retain')
      .describe('What happens to the bucket when the stack is deleted. Only an empty bucket can be destroyed.'),
    images: z
      .strictObject({
        build: z
          .enum(['docker', 'codebuild'])
          .default('docker')
          .describe(
            'Where images are built. docker: on the machine that deploys. codebuild: by AWS CodeBuild in the account; then that machine needs no Docker ([how](deploy.md#images-built-in-the-account)).',
          ),
        mirror: z
          .string()
          .regex(
            /^[a-z0-9][a-z0-9.-]*(:\d+)?(\/[a-z0-9][a-z0-9._-]*)*$/,
            'must be a registry, and folders in it, without https://',
          )
          .optional()
          .describe(
            'A registry from which base images are pulled, instead of Docker Hub. It has `library/node` and `nvidia/cuda` below it, as in `123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub`.',
          ),
        digests: z
          .strictObject({
            nodeSlim: digest().describe('Digest of `node:<version>-bookworm-slim`, as in `sha256:...`.'),
            node: digest().describe('Digest of `node:<version>-bookworm`.'),
            cuda: digest().describe('Digest of `nvidia/cuda`; not needed without `tensorflow`.'),
          })
          .prefault({})
          .describe(
            'Digests to which base images are pinned. Absent: an image is what its tag names on the day of the build.',
          ),
        tensorflow: z
          .boolean()
          .default(true)
          .describe(
            'Whether the GPU image has `tfjs-node-gpu`, with CUDA. Without it the image is smaller, needs no download from storage.googleapis.com, and trains only with `onnx-webgpu`.',
          ),
        tensorflowSha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')
          .optional()
          .describe('The digest that the download of `tfjs-node-gpu` must have. A build prints it.'),
      })
      .prefault({})
      .describe('How images are built, and from what ([how](deploy.md#what-images-are-built-from)).'),
    network: networkSchema
      .prefault({})
      .describe('The network in which training jobs run ([how](deploy.md#in-a-companys-network)).'),
    kmsKeyArn: keyArn().describe(
      'Your own KMS key, in the same region, for the bucket and the topic ([what its policy needs](deploy.md#with-a-key-of-your-own)). Absent: S3 encrypts with its own keys, and the stack makes a key for the topic.',
    ),
    webhook: webhookSchema,
    publishing: publishingSchema,
    fallbackRegion: z
      .string()
      .regex(/^[a-z]{2,3}(-[a-z]+)+-\d$/, 'must be the code of a region, as in eu-west-1')
      .optional()
      .describe(
        'Another region with a deployment of the same name, which takes over a run if no machine is available for it here, or the quotas of GPU machines are 0 ([how](deploy.md#a-second-region)).',
      ),
    fallbackKmsKeyArn: keyArn().describe(
      'The KMS key of the deployment in `fallbackRegion` (its `kmsKeyArn`). It encrypts runs that go there. Required with `kmsKeyArn`.',
    ),
    permissionsBoundary: z
      .string()
      .regex(/^arn:[a-z-]+:iam::\d{12}:policy\/.+$/, 'must be the ARN of a managed policy')
      .optional()
      .describe('A managed policy that bounds every role, if the account requires one.'),
  })
  .superRefine(({ cpuMemoryGb, maxVcpus, images, ...settings }, context) => {
    refuseKeys(settings, context);
    if (!images.tensorflow && images.tensorflowSha256 !== undefined) {
      const message = 'nothing is downloaded where images.tensorflow is false';
      context.addIssue({ code: 'custom', path: ['images', 'tensorflowSha256'], message });
    }
    const vcpus = fargateVcpus[cpuMemoryGb];
    if (maxVcpus >= vcpus) return;
    const message = `a job with cpuMemoryGb ${cpuMemoryGb} has ${vcpus} vCPUs, and would never start`;
    context.addIssue({ code: 'custom', path: ['maxVcpus'], message });
  });

export type Settings = z.infer<typeof settingsSchema>;

export const settingsJsonSchema = () => z.toJSONSchema(settingsSchema, { io: 'input' }) as JsonSchema;

/**
 * Checks what the CDK context has under `tempbalance` and fills in the defaults.
 * @param context the value there; text is taken for JSON, as `-c` gives it.
 * @throws UserError listing every problem with its key and what is allowed.
 */
export function parseSettings(context: unknown): Settings {
  const input = typeof context === 'string' ? fromJson(context) : (context ?? {});
  const parsed = settingsSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const schema = settingsJsonSchema();
  const problems = explainIssues(parsed.error.issues, input, (path) => keysAt(schema, input, path));
  const lines = problems.map(({ path, what, hint }) => {
    const key = formatPath(path) || 'the settings';
    return hint ? `  ${key}: ${what}\n      ${hint}` : `  ${key}: ${what}`;
  });
  const count = lines.length === 1 ? 'a problem' : `${lines.length} problems`;
  throw new UserError(`context "${contextKey}" has ${count}:\n\n${lines.join('\n')}`);
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError(`is not JSON (${messageOf(cause)})`, {
      where: `context "${contextKey}"`,
      remedy: `For example: -c ${contextKey}='{"name":"burgers"}'`,
      cause,
    });
  }
}
