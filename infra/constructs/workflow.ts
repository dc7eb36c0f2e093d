import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import { substitutionsFor } from '../workflow-document.ts';
import type { Compute } from './compute.ts';
import type { FunctionName, Functions } from './functions.ts';
import type { TrainingJobs } from './training-jobs.ts';

/** The state machine's ARN from its name, for those that it depends on itself. */
export const workflowArn = (stack: Stack, name: string) =>
  stack.formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

const taskFunctions = {
  PrepareArn: 'prepare',
  CollectEpochArn: 'collect-epoch',
  PlanAnalysisArn: 'plan-analysis',
  AnalyseShardArn: 'analyse-shard',
  SetRatesArn: 'set-rates',
  CheckpointArn: 'checkpoint',
  FinaliseArn: 'finalise',
  RecordFailureArn: 'record-failure',
} as const satisfies Record<string, FunctionName>;

interface WorkflowProps {
  /** Amazon States Language with `${Name}` for what differs between deployments. */
  readonly document: string;
  /** Its file, for messages. */
  readonly documentPath: string;
  readonly functions: Functions;
  readonly compute: Compute;
  readonly jobs: TrainingJobs;
  readonly settings: Pick<Settings, 'name' | 'logDays'>;
}

/** The workflow document as a state machine, with a role that reaches exactly what it names. */
export class Workflow extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);
    const { document, documentPath, settings } = props;
    const arns = Object.fromEntries(
      Object.entries(taskFunctions).map(([name, task]) => [name, props.functions.get(task).functionArn]),
    );
    const service = (resource: string) => `arn:${Stack.of(this).partition}:states:::${resource}`;
    const values = {
      ...arns,
      TrainEpochResource: service('batch:submitJob.sync'),
      SuccessorResource: service('states:startExecution'),
    };
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: settings.name,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromString(document),
      definitionSubstitutions: substitutionsFor(document, values, documentPath),
      role: this.role(props, Object.values(arns)),
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', {
          logGroupName: `/aws/vendedlogs/states/${settings.name}`,
          retention: settings.logDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: LogLevel.ALL,
        includeExecutionData: false,
      },
    });
  }

  private role({ compute, jobs, settings }: WorkflowProps, functionArns: readonly string[]): Role {
    const stack = Stack.of(this);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
      }),
      description: 'Calls the functions and submits the jobs of the workflow',
    });
    const definitions = [jobs.gpu, jobs.cpu].flatMap((definition) =>
      ['', ':*'].map((revision) =>
        stack.formatArn({ service: 'batch', resource: 'job-definition', resourceName: `${definition}${revision}` }),
      ),
    );
    const rule = stack.formatArn({
      service: 'events',
      resource: 'rule',
      resourceName: 'StepFunctionsGetEventsForBatchJobsRule',
    });
    const job = stack.formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
    const statements: [sid: string, actions: string[], resources: string[]][] = [
      ['Functions', ['lambda:InvokeFunction'], [...functionArns]],
      ['SubmitJobs', ['batch:SubmitJob'], [...compute.queueArns, ...definitions]],
      ['EndJobs', ['batch:TerminateJob'], [job]],
      ['WatchJobs', ['batch:DescribeJobs'], ['*']],
      ['JobEvents', ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'], [rule]],
      ['Successor', ['states:StartExecution'], [workflowArn(stack, settings.name)]],
    ];
    for (const [sid, actions, resources] of statements) {
      role.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources }));
    }
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
