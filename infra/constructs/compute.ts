import { Duration } from 'aws-cdk-lib';
import {
  AllocationStrategy,
  type CfnComputeEnvironment,
  EcsMachineImageType,
  FargateComputeEnvironment,
  type IManagedComputeEnvironment,
  JobQueue,
  JobStateTimeLimitActionsAction,
  JobStateTimeLimitActionsReason,
  JobStateTimeLimitActionsState,
  ManagedEc2EcsComputeEnvironment,
} from 'aws-cdk-lib/aws-batch';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MultipartUserData,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import type { Network } from './network.ts';
import { gpuJobOf, type TrainingJobs } from './training-jobs.ts';

/**
 * The types that a GPU job may get: the size that a job fills. Of larger ones Batch, which goes by the price of a vCPU, would
 * take the dearer machine, and of the vCPUs of two jobs one.
 */
const instancesOf = ({ gpuClasses, gpuSize }: Pick<Settings, 'gpuClasses' | 'gpuSize'>) =>
  gpuClasses.map((type) => `${type}.${gpuSize}`);

/** What jobs are counted as, in the words of the functions that read it. */
type Machine =
  | { readonly kind: 'instance'; readonly instances: readonly string[]; readonly memoryGb: number }
  | { readonly kind: 'fargate'; readonly vcpus: number; readonly memoryGb: number };

/** A queue and a job definition that a job can be submitted to. */
interface Choice {
  readonly queue: string;
  readonly definition: string;
  readonly machine: Machine;
  readonly waitSeconds: number;
  readonly gpuVcpus?: number;
  /** An engine that its image was built without. */
  readonly lacks?: 'tfjs-node-gpu';
}

export interface ComputeChoices {
  readonly gpu: { readonly spot: Choice; readonly onDemand: Choice };
  readonly cpu: { readonly spot: Choice; readonly onDemand: Choice };
}

type FleetSettings = Pick<
  Settings,
  | 'images'
  | 'gpuClasses'
  | 'gpuSize'
  | 'maxGpus'
  | 'maxVcpus'
  | 'waitingLimitMinutes'
  | 'onDemandWaitingLimitHours'
  | 'queueLimitHours'
  | 'scaleDownDelayMinutes'
>;

interface ComputeProps {
  readonly network: Network;
  readonly jobs: TrainingJobs;
  readonly settings: FleetSettings;
}

/** Four queues that scale to nothing: GPU machines and Fargate, each on Spot and on-demand. The workflow chooses. */
export class Compute extends Construct {
  readonly choices: ComputeChoices;
  readonly queueArns: readonly string[];

  constructor(scope: Construct, id: string, { network, jobs, settings }: ComputeProps) {
    super(scope, id);
    const machines = this.machines(jobs.gpuMachineSetup);
    const gpu = (name: string, spot: boolean) => this.gpuFleet(name, spot, { ...machines, network, settings });
    const fargate = (name: string, spot: boolean) =>
      new FargateComputeEnvironment(this, name, {
        vpc: network.vpc,
        vpcSubnets: { subnets: network.subnets },
        securityGroups: network.securityGroups,
        maxvCpus: settings.maxVcpus,
        spot,
      });
    const queue = (name: string, environment: IManagedComputeEnvironment, waiting: Duration) =>
      jobQueue(this, name, environment, waiting).jobQueueArn;
    const forSpot = Duration.minutes(settings.waitingLimitMinutes);
    const forOnDemand = Duration.hours(settings.onDemandWaitingLimitHours);
    const gpuSpot = queue('GpuSpotQueue', gpu('GpuSpot', true), forSpot);
    const gpuOnDemand = queue('GpuOnDemandQueue', gpu('GpuOnDemand', false), forOnDemand);
    const cpuSpot = queue('CpuSpotQueue', fargate('CpuSpot', true), forSpot);
    const cpuOnDemand = queue('CpuOnDemandQueue', fargate('CpuOnDemand', false), forOnDemand);
    this.queueArns = [gpuSpot, gpuOnDemand, cpuSpot, cpuOnDemand];
    const { memoryGb, vcpus: gpuVcpus } = gpuJobOf(settings);
    const waitSeconds = Duration.hours(settings.queueLimitHours).toSeconds();
    const gpuMachine = { kind: 'instance', instances: instancesOf(settings), memoryGb } as const;
    const lacks = settings.images.tensorflow ? {} : ({ lacks: 'tfjs-node-gpu' } as const);
    const withGpu = { definition: jobs.gpu, machine: gpuMachine, waitSeconds, gpuVcpus, ...lacks };
    const without = { definition: jobs.cpu, machine: jobs.cpuMachine, waitSeconds };
    this.choices = {
      gpu: { spot: { queue: gpuSpot, ...withGpu }, onDemand: { queue: gpuOnDemand, ...withGpu } },
      cpu: { spot: { queue: cpuSpot, ...without }, onDemand: { queue: cpuOnDemand, ...without } },
    };
  }

  /** The launch template and the role of both GPU fleets' instances. */
  private machines(setup: readonly string[]): { launchTemplate: LaunchTemplate; instanceRole: Role } {
    const instanceRole = new Role(this, 'InstanceRole', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      description: 'The ECS agent of GPU instances; jobs have a role of their own and can not reach this one',
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonEC2ContainerServiceforEC2Role')],
    });
    acknowledge(
      instanceRole,
      'AwsSolutions-IAM4',
      'AWS keeps this policy in step with the ECS agent that it is for; jobs can not reach it.',
      ['Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role'],
    );
    // AWS Batch adds parts of its own.
    const userData = new MultipartUserData();
    const commands = UserData.forLinux();
    commands.addCommands(...setup);
    userData.addUserDataPart(commands);
    const launchTemplate = new LaunchTemplate(this, 'LaunchTemplate', {
      userData,
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      // One hop: no container with a network of its own reads the instance's credentials. Jobs have the instance's (`gpuMachineSetup`).
      httpPutResponseHopLimit: 1,
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(100, { encrypted: true, volumeType: EbsDeviceVolumeType.GP3 }),
        },
      ],
    });
    return { launchTemplate, instanceRole };
  }

  private gpuFleet(
    id: string,
    spot: boolean,
    props: { launchTemplate: LaunchTemplate; instanceRole: Role; network: Network; settings: FleetSettings },
  ): ManagedEc2EcsComputeEnvironment {
    const { network, settings, launchTemplate, instanceRole } = props;
    const fleet = new ManagedEc2EcsComputeEnvironment(this, id, {
      vpc: network.vpc,
      vpcSubnets: { subnets: network.subnets },
      securityGroups: network.securityGroups,
      spot,
      allocationStrategy: spot
        ? AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
        : AllocationStrategy.BEST_FIT_PROGRESSIVE,
      useOptimalInstanceClasses: false,
      instanceTypes: instancesOf(settings).map((type) => new InstanceType(type)),
      images: [{ imageType: EcsMachineImageType.ECS_AL2023_NVIDIA }],
      minvCpus: 0,
      maxvCpus: settings.maxGpus * gpuJobOf(settings).vcpus,
      launchTemplate,
      instanceRole,
      updateToLatestImageVersion: true,
      // A deployment waits for the epoch that is being trained.
      terminateOnUpdate: false,
      updateTimeout: Duration.hours(6),
    });
    const resource = fleet.node.defaultChild as CfnComputeEnvironment;
    // The launch template tags instances and their volumes.
    resource.addPropertyDeletionOverride('ComputeResources.Tags');
    // Without a number Batch takes the template's first version for good.
    resource.addPropertyOverride('ComputeResources.LaunchTemplate.Version', launchTemplate.latestVersionNumber);
    if (settings.scaleDownDelayMinutes > 0) {
      resource.addPropertyOverride(
        'ComputeResources.ScalingPolicy.MinScaleDownDelayMinutes',
        settings.scaleDownDelayMinutes,
      );
    }
    return fleet;
  }
}

/**
 * A job that can't start is cancelled instead of blocking those behind it: at once where nothing will ever fit, after the
 * waiting limit where capacity is lacking.
 */
function jobQueue(scope: Construct, id: string, environment: IManagedComputeEnvironment, waiting: Duration): JobQueue {
  const { INSUFFICIENT_INSTANCE_CAPACITY, COMPUTE_ENVIRONMENT_MAX_RESOURCE, JOB_RESOURCE_REQUIREMENT } =
    JobStateTimeLimitActionsReason;
  const limit = (reason: JobStateTimeLimitActionsReason, maxTime: Duration) => ({
    reason,
    state: JobStateTimeLimitActionsState.RUNNABLE,
    action: JobStateTimeLimitActionsAction.CANCEL,
    maxTime,
  });
  return new JobQueue(scope, id, {
    computeEnvironments: [{ computeEnvironment: environment, order: 1 }],
    jobStateTimeLimitActions: [
      limit(COMPUTE_ENVIRONMENT_MAX_RESOURCE, Duration.minutes(10)),
      limit(JOB_RESOURCE_REQUIREMENT, Duration.minutes(10)),
      limit(INSUFFICIENT_INSTANCE_CAPACITY, waiting),
    ],
  });
}
