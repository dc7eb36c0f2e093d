import { join } from 'node:path';
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  DockerImageFunction,
  type FunctionOptions,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { access, grantAccess, type RoleName } from '../access.ts';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import type { ComputeChoices } from './compute.ts';
import { type Images, projectRoot } from './images.ts';
import type { Notifications } from './notifications.ts';

/** Of machines with a GPU, on Spot and on-demand, in Service Quotas. */
const gpuQuotaCodes = ['L-3819A6DF', 'L-DB2E81BA'];

interface FunctionPlan {
  readonly does: string;
  /** `zip`: one file by esbuild. `image`: with node_modules and OpenBLAS, as WebAssembly and native code don't bundle. */
  readonly package: 'zip' | 'image';
  readonly minutes: number;
  /** MB; `large` is the setting `functionMemoryMb`. */
  readonly memory: number | 'large';
  /** GiB of /tmp, where more than Lambda's 0.5 are needed. */
  readonly scratch?: number;
  /** Told where jobs can be submitted to. */
  readonly choosesCompute?: true;
  /** May publish to the topic. */
  readonly notifies?: true;
  /** May ask what the account may have of machines with a GPU. */
  readonly asksQuotas?: true;
  /** May end a job that the workflow has given up. */
  readonly endsJobs?: true;
  /** Begins no run above the ceiling of the service. */
  readonly heedsCeiling?: true;
  /** Is there only where the settings ask for it. */
  readonly onlyWith?: 'webhook';
}

const plans = {
  launch: { does: 'Starts a run', package: 'zip', minutes: 2, memory: 512, notifies: true, heedsCeiling: true },
  prepare: {
    does: 'Checks settings and data, and begins a run or goes on with it',
    package: 'image',
    minutes: 15,
    memory: 'large',
    scratch: 10,
    choosesCompute: true,
    asksQuotas: true,
  },
  'collect-epoch': {
    does: 'Takes over what a training job wrote',
    package: 'zip',
    minutes: 5,
    memory: 1024,
    choosesCompute: true,
    endsJobs: true,
  },
  'plan-analysis': { does: 'Deals the layers out to shards', package: 'zip', minutes: 5, memory: 1024 },
  'analyse-shard': {
    does: 'Takes the spectra of some layers',
    package: 'image',
    minutes: 15,
    memory: 'large',
  },
  'set-rates': { does: 'Merges the shards and sets the learning rates', package: 'zip', minutes: 5, memory: 1024 },
  checkpoint: {
    does: 'Commits an epoch and decides',
    package: 'zip',
    minutes: 15,
    memory: 'large',
    choosesCompute: true,
  },
  finalise: {
    does: 'Exports the model and writes the report',
    package: 'zip',
    minutes: 15,
    memory: 'large',
    notifies: true,
  },
  'record-failure': { does: 'Notes why a run failed', package: 'zip', minutes: 2, memory: 512, notifies: true },
  'publish-event': { does: 'Publishes an event of a run', package: 'zip', minutes: 1, memory: 512 },
  'send-webhook': {
    does: 'Sends events of runs to an address of the customer',
    package: 'zip',
    minutes: 1,
    memory: 512,
    onlyWith: 'webhook',
  },
  'plan-round': { does: 'Plans the next runs of a comparison', package: 'zip', minutes: 5, memory: 1024 },
  'admit-run': {
    does: 'Begins a run of a comparison within its budget',
    package: 'zip',
    minutes: 5,
    memory: 512,
    heedsCeiling: true,
  },
  'settle-run': { does: 'Notes what a run of a comparison came to', package: 'zip', minutes: 5, memory: 1024 },
  'judge-runs': {
    does: 'Judges a comparison and writes its page',
    package: 'zip',
    minutes: 5,
    memory: 'large',
    notifies: true,
  },
  'record-comparison-failure': {
    does: 'Notes why a comparison failed',
    package: 'zip',
    minutes: 5,
    memory: 512,
    notifies: true,
  },
} as const satisfies Record<string, FunctionPlan>;

export type FunctionName = keyof typeof plans;

interface FunctionsProps {
  readonly bucket: IBucket;
  readonly compute: ComputeChoices;
  readonly images: Images;
  readonly notifications: Notifications;
  readonly settings: Pick<Settings, 'name' | 'logDays' | 'functionMemoryMb' | 'webhook' | 'ceiling'>;
}

const constructId = (name: string) =>
  name.replace(/(^|-)([a-z])/g, (_match, _hyphen, letter: string) => letter.toUpperCase());

/** The functions of both workflows and the one that starts runs, each with a role and a log group of its own. */
export class Functions extends Construct {
  private readonly byName: ReadonlyMap<FunctionName, NodejsFunction | DockerImageFunction>;
  private readonly props: FunctionsProps;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    this.props = props;
    const names = (Object.keys(plans) as FunctionName[]).filter((name) => {
      const { onlyWith }: FunctionPlan = plans[name];
      return onlyWith === undefined || props.settings[onlyWith] !== undefined;
    });
    this.byName = new Map(names.map((name) => [name, this.deploy(name, plans[name])]));
  }

  get(name: FunctionName): NodejsFunction | DockerImageFunction {
    return this.byName.get(name)!;
  }

  /** ARNs of functions, by the names that a document has for them. */
  arnsOf<Name extends string>(names: Readonly<Record<Name, FunctionName>>): Record<Name, string> {
    const entries = Object.entries<FunctionName>(names).map(([name, task]) => [name, this.get(task).functionArn]);
    return Object.fromEntries(entries) as Record<Name, string>;
  }

  /** x86-64 for all: one architecture, the training images' and most laptops', keeps numbers the same to the last bit. */
  private deploy(name: FunctionName, plan: FunctionPlan): NodejsFunction | DockerImageFunction {
    const { settings } = this.props;
    const id = constructId(name);
    const logGroup = new LogGroup(this, `${id}Logs`, {
      retention: settings.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const options: FunctionOptions = {
      description: plan.does,
      role: this.roleOf(name, plan, logGroup),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: Tracing.ACTIVE,
      architecture: Architecture.X86_64,
      timeout: Duration.minutes(plan.minutes),
      memorySize: plan.memory === 'large' ? settings.functionMemoryMb : plan.memory,
      environment: this.environmentOf(plan),
      ...(plan.scratch === undefined ? {} : { ephemeralStorageSize: Size.gibibytes(plan.scratch) }),
    };
    return plan.package === 'zip' ? this.zipped(id, name, options) : this.inImage(id, name, options);
  }

  private zipped(id: string, name: FunctionName, options: FunctionOptions): NodejsFunction {
    const zipped = new NodejsFunction(this, id, {
      ...options,
      entry: join(projectRoot, 'functions', name, 'handler.ts'),
      projectRoot,
      depsLockFilePath: join(projectRoot, 'package-lock.json'),
      runtime: Runtime.NODEJS_22_X,
      awsSdkConnectionReuse: false,
      bundling: {
        format: OutputFormat.ESM,
        target: 'node22',
        logLevel: LogLevel.WARNING,
        sourceMap: true,
        sourcesContent: false,
        mainFields: ['module', 'main'],
        // The SDK that was tested is the one that runs, not the runtime's.
        externalModules: [],
        // Packages in the older module format call `require`.
        banner:
          "import { createRequire as bundledRequire } from 'node:module'; const require = bundledRequire(import.meta.url);",
      },
    });
    acknowledge(
      zipped,
      'AwsSolutions-L1',
      'Node 22 everywhere: the images run it too, as tfjs-node does not work on later ones.',
    );
    return zipped;
  }

  private inImage(id: string, name: FunctionName, options: FunctionOptions): DockerImageFunction {
    const { images } = this.props;
    const code = images.forFunctions('functions/image/Dockerfile', [`dist/functions/${name}/handler.handler`]);
    const made = new DockerImageFunction(this, id, { ...options, code });
    images.before(made);
    return made;
  }

  private environmentOf({ choosesCompute, notifies, heedsCeiling }: FunctionPlan): Record<string, string> {
    const { bucket, compute, notifications, settings } = this.props;
    return {
      TEMPBALANCE_BUCKET: bucket.bucketName,
      ...(choosesCompute ? { TEMPBALANCE_COMPUTE: Stack.of(this).toJsonString(compute) } : {}),
      ...(notifies ? { TEMPBALANCE_TOPIC: notifications.topic.topicArn } : {}),
      ...(heedsCeiling && settings.ceiling ? { TEMPBALANCE_CEILING: JSON.stringify(settings.ceiling) } : {}),
      POWERTOOLS_SERVICE_NAME: settings.name,
      POWERTOOLS_METRICS_NAMESPACE: 'TempBalance',
      LOG_LEVEL: 'INFO',
      NODE_OPTIONS: '--enable-source-maps',
    };
  }

  private letAskQuotas(role: Role): void {
    const resources = gpuQuotaCodes.map((code) =>
      Stack.of(this).formatArn({ service: 'servicequotas', resource: 'ec2', resourceName: code }),
    );
    role.addToPolicy(new PolicyStatement({ sid: 'Quotas', actions: ['servicequotas:GetServiceQuota'], resources }));
  }

  private letEndJobs(role: Role): void {
    const job = Stack.of(this).formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
    role.addToPolicy(
      new PolicyStatement({ sid: 'FindJobs', actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] }),
    );
    role.addToPolicy(new PolicyStatement({ sid: 'EndJobs', actions: ['batch:TerminateJob'], resources: [job] }));
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'Jobs have no name before they are submitted; one is ended only where its own state names the execution.',
      ['Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*'],
    );
  }

  private roleOf(name: FunctionName, plan: FunctionPlan, logGroup: LogGroup): Role {
    const role = new Role(this, `${constructId(name)}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: plan.does,
    });
    logGroup.grantWrite(role);
    if (name in access) grantAccess(role, this.props.bucket, name as RoleName);
    if (plan.notifies) this.props.notifications.grantPublish(role);
    if (plan.asksQuotas) this.letAskQuotas(role);
    if (plan.endsJobs) this.letEndJobs(role);
    acknowledge(role, 'AwsSolutions-IAM5', 'Sending traces to X-Ray knows no resources.', ['Resource::*']);
    return role;
  }
}
