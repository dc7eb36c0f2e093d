import { RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import {
  EcsEc2ContainerDefinition,
  EcsFargateContainerDefinition,
  EcsJobDefinition,
  EcsVolume,
  type IEcsContainerDefinition,
  LinuxParameters,
  TmpfsMountOption,
} from 'aws-cdk-lib/aws-batch';
import { LogDriver } from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { grantAccess } from '../access.ts';
import { acknowledge } from '../acknowledge.ts';
import { fargateVcpus, type Settings } from '../settings.ts';
import type { Images } from './images.ts';

/** vCPUs, and GiB of memory, of the sizes with one GPU. */
const gpuMachines = { xlarge: { vcpus: 4, memoryGb: 16 }, '2xlarge': { vcpus: 8, memoryGb: 32 } } as const;

/** Memory for the system and the agent of a machine, in GiB. */
const systemGb = 4;

/** What a job with a GPU gets: a machine of any class in the settings, less what the system needs. */
export function gpuJobOf({ gpuSize, gpuClasses }: Pick<Settings, 'gpuSize' | 'gpuClasses'>) {
  const { vcpus, memoryGb } = gpuMachines[gpuSize];
  const hasMore = gpuClasses.every((name) => name === 'g6e');
  return { vcpus, memoryGb: (hasMore ? 2 * memoryGb : memoryGb) - systemGb };
}

/** Whom jobs with a GPU run as. */
const gpuUser = 1000;

/** Where a machine reads what it is, and the credentials of its role. */
const instanceMetadata = '169.254.169.254';

/**
 * Kernels that the driver compiles: of CUDA for a GPU that TensorFlow was not built for, of Vulkan for any. A folder of the machine,
 * so that the next job on it finds them.
 */
const cudaCache = { containerPath: '/var/cache/cuda', hostPath: '/var/cache/tempbalance-cuda' };

/**
 * Data and models of jobs, and what of the machine's disk they may take: of 100 GB the system, images and kernels take some 25, and a job what it
 * fetches and writes.
 */
const inputCache = { containerPath: '/var/cache/inputs', hostPath: '/var/cache/tempbalance-inputs' };
const inputCacheGb = 30;

interface TrainingJobsProps {
  readonly bucket: IBucket;
  readonly images: Images;
  /** Whether jobs on Fargate need a public address. */
  readonly isPublic: boolean;
  readonly settings: Pick<Settings, 'name' | 'logDays' | 'gpuSize' | 'gpuClasses' | 'cpuMemoryGb'>;
}

/** What AWS Batch runs for an epoch: the same program in two images, one for a GPU and one without. */
export class TrainingJobs extends Construct {
  /** Names and not revisions, so that a run in progress goes on after a deployment. */
  readonly gpu: string;
  readonly cpu: string;
  /**
   * What a GPU machine does before its first job. Docker would make the folders for root alone, and the ECS agent would keep
   * containers that have ended, with their scratch space, for three hours. AWS Batch gives a job the network of its machine, so a limit of
   * hops does not keep it from the machine's credentials; its user is refused there. Its own credentials have another address.
   */
  readonly gpuMachineSetup = [
    ...[cudaCache, inputCache].map(
      ({ hostPath }) => `install --directory --owner ${gpuUser} --group ${gpuUser} ${hostPath}`,
    ),
    'echo ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m >> /etc/ecs/ecs.config',
    `iptables --insert OUTPUT --destination ${instanceMetadata} --match owner --uid-owner ${gpuUser} --jump REJECT`,
  ];
  /** The resources that a job without a GPU is billed for. */
  readonly cpuMachine: { readonly kind: 'fargate'; readonly vcpus: number; readonly memoryGb: number };

  constructor(scope: Construct, id: string, { bucket, images, isPublic, settings }: TrainingJobsProps) {
    super(scope, id);
    const { cpuMemoryGb } = settings;
    this.cpuMachine = { kind: 'fargate', vcpus: fargateVcpus[cpuMemoryGb], memoryGb: cpuMemoryGb };
    const tasks = new ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    });
    const jobRole = new Role(this, 'JobRole', {
      assumedBy: tasks,
      description: 'What a training job may do',
    });
    grantAccess(jobRole, bucket, 'train-epoch');
    const executionRole = new Role(this, 'ExecutionRole', {
      assumedBy: tasks,
      description: 'Pulls images and writes logs',
    });
    acknowledge(executionRole, 'AwsSolutions-IAM5', 'ecr:GetAuthorizationToken knows no resources.', ['Resource::*']);

    const shared = {
      jobRole,
      executionRole,
      logging: LogDriver.awsLogs({
        streamPrefix: 'train-epoch',
        logGroup: new LogGroup(this, 'Logs', {
          retention: settings.logDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      }),
      environment: {
        AWS_REGION: Stack.of(this).region,
        TEMPBALANCE_BUCKET: bucket.bucketName,
        POWERTOOLS_SERVICE_NAME: settings.name,
        POWERTOOLS_METRICS_NAMESPACE: 'TempBalance',
        LOG_LEVEL: 'INFO',
      },
    };
    const gpu = gpuJobOf(settings);
    this.gpu = this.define('Gpu', `${settings.name}-gpu`, images, (job) => {
      const linuxParameters = new LinuxParameters(job, 'Linux', {
        initProcessEnabled: true,
        sharedMemorySize: Size.gibibytes(2),
      });
      linuxParameters.addTmpfs({
        containerPath: '/tmp',
        size: Size.mebibytes(256),
        mountOptions: [TmpfsMountOption.NOSUID, TmpfsMountOption.NODEV],
      });
      return new EcsEc2ContainerDefinition(job, 'Container', {
        ...shared,
        environment: {
          ...shared.environment,
          TEMPBALANCE_INPUT_CACHE: inputCache.containerPath,
          TEMPBALANCE_INPUT_CACHE_GB: String(inputCacheGb),
        },
        cpu: gpu.vcpus,
        memory: Size.gibibytes(gpu.memoryGb),
        gpu: 1,
        image: images.forJobs(this, 'GpuImage', 'functions/train-epoch/Dockerfile'),
        // What Nvidia's container runtime puts into a container (libraries, links, /etc/ld.so.cache) it does by mounts and by hooks that
        // run before the root is changed; the root becomes read-only after that (ADR 0019).
        readonlyRootFilesystem: true,
        user: `${gpuUser}:${gpuUser}`,
        linuxParameters,
        volumes: [
          EcsVolume.host({ name: 'scratch', containerPath: '/scratch' }),
          EcsVolume.host({ name: 'cuda-cache', ...cudaCache }),
          EcsVolume.host({ name: 'input-cache', ...inputCache }),
        ],
      });
    });
    // Fargate knows neither scratch volumes nor tmpfs, so the root file system stays writable there.
    this.cpu = this.define(
      'Cpu',
      `${settings.name}-cpu`,
      images,
      (job) =>
        new EcsFargateContainerDefinition(job, 'Container', {
          ...shared,
          cpu: this.cpuMachine.vcpus,
          memory: Size.gibibytes(cpuMemoryGb),
          ephemeralStorageSize: Size.gibibytes(50),
          image: images.forJobs(this, 'CpuImage', 'functions/train-epoch/Dockerfile.cpu'),
          assignPublicIp: isPublic,
        }),
    );
  }

  /** One attempt each: whether a job is tried again, and where, is the workflow's decision. */
  private define(
    id: string,
    jobDefinitionName: string,
    images: Images,
    container: (scope: Construct) => IEcsContainerDefinition,
  ): string {
    const definition = new EcsJobDefinition(this, id, {
      jobDefinitionName,
      container: container(new Construct(this, `${id}Job`)),
      retryAttempts: 1,
      propagateTags: true,
    });
    images.before(definition);
    return jobDefinitionName;
  }
}
