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
} from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import type { Network } from './network.ts';
import type { TrainingJobs } from './training-jobs.ts';

/** Sizes with one GPU, so that a job pays for no GPU that it doesn't use. */
const sizes = ['xlarge', '2xlarge'];
const vcpusPerGpu = 4;

/** The types that a GPU job may get. */
const instancesOf = ({ gpuClasses }: Pick<Settings, 'gpuClasses'>) =>
  gpuClasses.flatMap((type) => sizes.map((size) => `${type}.${size}`));

/** What jobs are counted as, in the words of the functions that read it. */
type Machine =
  | { readonly kind: 'instance'; readonly instances: readonly string[] }
  | { readonly kind: 'fargate'; readonly vcpus: number; readonly memoryGb: number };

/** Where a job can be submitted to. */
interface Choice {
  readonly queue: string;
  readonly definition: string;
  readonly machine: Machine;
}

export interface ComputeChoices {
  readonly gpu: { readonly spot: Choice; readonly onDemand: Choice };
  readonly cpu: { readonly spot: Choice; readonly onDemand: Choice };
}

type FleetSettings = Pick<
  Settings,
  | 'gpuClasses'
  | 'maxGpus'
  | 'maxVcpus'
  | 'waitingLimitMinutes'
  | 'onDemandWaitingLimitMinutes'
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
    const machines = this.machines();
    const gpu = (name: string, spot: boolean) => this.gpuFleet(name, spot, { ...machines, network, settings });
    const fargate = (name: string, spot: boolean) =>
      new FargateComputeEnvironment(this, name, {
        vpc: network.vpc,
        vpcSubnets: { subnets: network.vpc.publicSubnets },
        securityGroups: [network.securityGroup],
        maxvCpus: settings.maxVcpus,
        spot,
      });
    const queue = (name: string, environment: IManagedComputeEnvironment, waitingMinutes: number) =>
      jobQueue(this, name, environment, waitingMinutes).jobQueueArn;
    const gpuSpot = queue('GpuSpotQueue', gpu('GpuSpot', true), settings.waitingLimitMinutes);
    const gpuOnDemand = queue('GpuOnDemandQueue', gpu('GpuOnDemand', false), settings.onDemandWaitingLimitMinutes);
    const cpuSpot = queue('CpuSpotQueue', fargate('CpuSpot', true), settings.waitingLimitMinutes);
    const cpuOnDemand = queue('CpuOnDemandQueue', fargate('CpuOnDemand', false), settings.onDemandWaitingLimitMinutes);
    this.queueArns = [gpuSpot, gpuOnDemand, cpuSpot, cpuOnDemand];
    const withGpu = { definition: jobs.gpu, machine: { kind: 'instance', instances: instancesOf(settings) } } as const;
    const without = { definition: jobs.cpu, machine: jobs.cpuMachine };
    this.choices = {
      gpu: { spot: { queue: gpuSpot, ...withGpu }, onDemand: { queue: gpuOnDemand, ...withGpu } },
      cpu: { spot: { queue: cpuSpot, ...without }, onDemand: { queue: cpuOnDemand, ...without } },
    };
  }

  /** What both GPU fleets' instances are given. */
  private machines(): { launchTemplate: LaunchTemplate; instanceRole: Role } {
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
    const launchTemplate = new LaunchTemplate(this, 'LaunchTemplate', {
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      // One hop: the instance itself, and no container on it, reads the instance's credentials.
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
      vpcSubnets: { subnets: network.vpc.publicSubnets },
      securityGroups: [network.securityGroup],
      spot,
      allocationStrategy: spot
        ? AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
        : AllocationStrategy.BEST_FIT_PROGRESSIVE,
      useOptimalInstanceClasses: false,
      instanceTypes: instancesOf(settings).map((type) => new InstanceType(type)),
      images: [{ imageType: EcsMachineImageType.ECS_AL2023_NVIDIA }],
      minvCpus: 0,
      maxvCpus: settings.maxGpus * vcpusPerGpu,
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
function jobQueue(
  scope: Construct,
  id: string,
  environment: IManagedComputeEnvironment,
  waitingMinutes: number,
): JobQueue {
  const { INSUFFICIENT_INSTANCE_CAPACITY, COMPUTE_ENVIRONMENT_MAX_RESOURCE, JOB_RESOURCE_REQUIREMENT } =
    JobStateTimeLimitActionsReason;
  const limit = (reason: JobStateTimeLimitActionsReason, minutes: number) => ({
    reason,
    state: JobStateTimeLimitActionsState.RUNNABLE,
    action: JobStateTimeLimitActionsAction.CANCEL,
    maxTime: Duration.minutes(minutes),
  });
  return new JobQueue(scope, id, {
    computeEnvironments: [{ computeEnvironment: environment, order: 1 }],
    jobStateTimeLimitActions: [
      limit(COMPUTE_ENVIRONMENT_MAX_RESOURCE, 10),
      limit(JOB_RESOURCE_REQUIREMENT, 10),
      limit(INSUFFICIENT_INSTANCE_CAPACITY, waitingMinutes),
    ],
  });
}
