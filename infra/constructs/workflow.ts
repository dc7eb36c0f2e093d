import { Stack } from 'aws-cdk-lib';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import type { Compute } from './compute.ts';
import {
  documentMachine,
  eventsRuleArn,
  serviceArn,
  type WorkflowDocument,
  workflowArn,
  workflowRole,
} from './document-machine.ts';
import type { FunctionName, Functions } from './functions.ts';
import type { TrainingJobs } from './training-jobs.ts';

const taskFunctions = {
  PrepareArn: 'prepare',
  CollectEpochArn: 'collect-epoch',
  PlanAnalysisArn: 'plan-analysis',
  AnalyseShardArn: 'analyse-shard',
  SetRatesArn: 'set-rates',
  CheckpointArn: 'checkpoint',
  FinaliseArn: 'finalise',
  AskApprovalArn: 'ask-approval',
  PublishArn: 'publish',
  RecordFailureArn: 'record-failure',
} as const satisfies Record<string, FunctionName>;

interface WorkflowProps {
  readonly document: WorkflowDocument;
  readonly functions: Functions;
  readonly compute: Compute;
  readonly jobs: TrainingJobs;
  readonly settings: Pick<Settings, 'name' | 'logDays'>;
}

/** The workflow of a run as a state machine, with a role that reaches exactly what it names. */
export class Workflow extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);
    const { document, settings, functions } = props;
    const arns = functions.arnsOf(taskFunctions);
    const values = {
      ...arns,
      TrainEpochResource: serviceArn(this, 'batch:submitJob.sync'),
      AskApprovalResource: serviceArn(this, 'lambda:invoke.waitForTaskToken'),
      SuccessorResource: serviceArn(this, 'states:startExecution'),
    };
    const role = this.role(props, Object.values(arns));
    this.stateMachine = documentMachine(this, { document, name: settings.name, values, role, settings });
  }

  private role({ compute, jobs, settings }: WorkflowProps, functionArns: readonly string[]): Role {
    const stack = Stack.of(this);
    const definitions = [jobs.gpu, jobs.cpu].flatMap((definition) =>
      ['', ':*'].map((revision) =>
        stack.formatArn({ service: 'batch', resource: 'job-definition', resourceName: `${definition}${revision}` }),
      ),
    );
    const rule = eventsRuleArn(stack, 'StepFunctionsGetEventsForBatchJobsRule');
    const job = stack.formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
    const role = workflowRole(this, 'Calls the functions and submits the jobs of the workflow', [
      ['Functions', ['lambda:InvokeFunction'], [...functionArns]],
      ['SubmitJobs', ['batch:SubmitJob'], [...compute.queueArns, ...definitions]],
      ['TagJobs', ['batch:TagResource'], [job]],
      ['EndJobs', ['batch:TerminateJob'], [job]],
      ['WatchJobs', ['batch:DescribeJobs'], ['*']],
      ['JobEvents', ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'], [rule]],
      ['Successor', ['states:StartExecution'], [workflowArn(stack, settings.name)]],
    ]);
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'Jobs have no name before they are submitted; describing jobs, tracing and log delivery know no resources.',
      ['Resource::*', `Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*`],
    );
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'Every revision of the two job definitions: a run in progress goes on with the one that is newest.',
      [jobs.gpu, jobs.cpu].map(
        (name) => `Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job-definition/${name}:*`,
      ),
    );
    return role;
  }
}
