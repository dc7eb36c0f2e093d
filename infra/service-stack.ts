import { CfnOutput, Stack, Tags } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { Artifacts } from './constructs/artifacts.ts';
import { Budget } from './constructs/budget.ts';
import { ImagesBuiltInAccount } from './constructs/built-images.ts';
import { Comparisons } from './constructs/comparisons.ts';
import { Compute } from './constructs/compute.ts';
import type { WorkflowDocument } from './constructs/document-machine.ts';
import { Fallback } from './constructs/fallback.ts';
import { Functions } from './constructs/functions.ts';
import { builtByDocker } from './constructs/images.ts';
import { Launching } from './constructs/launching.ts';
import { Monitoring } from './constructs/monitoring.ts';
import { Network } from './constructs/network.ts';
import { Notifications } from './constructs/notifications.ts';
import { Publishing } from './constructs/publishing.ts';
import { RunEvents } from './constructs/run-events.ts';
import { TrainingJobs } from './constructs/training-jobs.ts';
import { Workflow } from './constructs/workflow.ts';
import type { Settings } from './settings.ts';

export interface ServiceProps {
  readonly settings: Settings;
  /** Zones of the network that it makes, by name; absent: nobody has asked the region. */
  readonly zones?: readonly string[] | undefined;
  /** The workflow of a run, and that of comparisons. */
  readonly documents: { readonly run: WorkflowDocument; readonly compare: WorkflowDocument };
}

/** The whole service, for any account and region. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, { settings, zones, documents }: ServiceProps) {
    super(scope, settings.name, {
      description: 'tempbalance: fine-tuning with little data, started by data sets, schedules and people',
      analyticsReporting: false,
    });
    const { kmsKeyArn } = settings;
    const key = kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'CustomerKey', kmsKeyArn);
    const { bucket } = new Artifacts(this, 'Artifacts', { key, settings });
    const notifications = new Notifications(this, 'Notifications', { customerKey: key, settings });
    const { topic } = notifications;
    const network = new Network(this, 'Network', { network: settings.network, zones });
    const images =
      settings.images.build === 'codebuild'
        ? new ImagesBuiltInAccount(this, 'Images', settings)
        : builtByDocker(settings.images);
    const jobs = new TrainingJobs(this, 'Jobs', { bucket, images, isPublic: network.isPublic, settings });
    const compute = new Compute(this, 'Compute', { network, jobs, settings });
    const functions = new Functions(this, 'Functions', {
      bucket,
      compute: compute.choices,
      images,
      notifications,
      settings,
    });
    const launch = functions.get('launch');
    const { fallbackRegion: region } = settings;
    if (region !== undefined) {
      const askedForMachines = [functions.get('prepare'), functions.get('collect-epoch')];
      new Fallback(this, 'Fallback', { bucket, functions: askedForMachines, region, settings });
    }
    const { deadLetters } = new Launching(this, 'Launching', { bucket, launch, settings });
    new RunEvents(this, 'Events', { bucket, functions, deadLetters, topic, customerKey: key, settings });
    new Publishing(this, 'Publishing', { publish: functions.get('publish'), customerKey: key, settings });
    const { stateMachine } = new Workflow(this, 'Workflow', {
      document: documents.run,
      functions,
      compute,
      jobs,
      settings,
    });
    const comparisons = new Comparisons(this, 'Comparisons', { document: documents.compare, functions, settings });
    const machines = { runs: stateMachine, comparisons: comparisons.stateMachine };
    const { queueArns } = compute;
    new Monitoring(this, 'Monitoring', { machines, launch, deadLetters, queueArns, topic, settings });
    new Budget(this, 'Budget', { topic, settings });

    // CloudFormation's dashboards take no tags.
    Tags.of(this).add('tempbalance', settings.name, { excludeResourceTypes: ['AWS::CloudWatch::Dashboard'] });
    if (settings.permissionsBoundary !== undefined) {
      PermissionsBoundary.of(this).apply(
        ManagedPolicy.fromManagedPolicyArn(this, 'PermissionsBoundary', settings.permissionsBoundary),
      );
    }
    new CfnOutput(this, 'Bucket', {
      value: bucket.bucketName,
      description: 'profiles/, datasets/, runs/, comparisons/',
    });
    new CfnOutput(this, 'Launch', { value: launch.functionName, description: 'Starts a run by hand' });
    new CfnOutput(this, 'StateMachine', { value: stateMachine.stateMachineArn, description: 'Runs in progress' });
    new CfnOutput(this, 'CompareStateMachine', {
      value: comparisons.stateMachine.stateMachineArn,
      description: 'Comparisons in progress',
    });
    new CfnOutput(this, 'Ceiling', {
      value: settings.ceiling ? JSON.stringify(settings.ceiling) : 'none',
      description: 'What all runs may spend',
    });
    new CfnOutput(this, 'Topic', { value: topic.topicArn, description: 'Notifications' });
  }
}
