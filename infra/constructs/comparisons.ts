import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import type { Settings } from '../settings.ts';
import {
  documentMachine,
  eventsRuleArn,
  serviceArn,
  type WorkflowDocument,
  workflowArn,
  workflowRole,
} from './document-machine.ts';
import type { FunctionName, Functions } from './functions.ts';

const taskFunctions = {
  PlanRoundArn: 'plan-round',
  AdmitRunArn: 'admit-run',
  SettleRunArn: 'settle-run',
  JudgeRunsArn: 'judge-runs',
  RecordComparisonFailureArn: 'record-comparison-failure',
} as const satisfies Record<string, FunctionName>;

interface ComparisonsProps {
  readonly document: WorkflowDocument;
  readonly functions: Functions;
  readonly settings: Pick<Settings, 'name' | 'logDays'>;
}

/** The workflow of comparisons as a state machine: its map starts an execution of the run's state machine for every run. */
export class Comparisons extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { document, functions, settings }: ComparisonsProps) {
    super(scope, id);
    const name = `${settings.name}-compare`;
    const arns = functions.arnsOf(taskFunctions);
    const values = {
      ...arns,
      TrainRunResource: serviceArn(this, 'states:startExecution.sync:2'),
      RunStateMachineArn: workflowArn(Stack.of(this), settings.name),
    };
    const role = this.role({ name, runs: settings.name }, Object.values(arns));
    this.stateMachine = documentMachine(this, { document, name, values, role, settings });
  }

  private role({ name, runs }: { name: string; runs: string }, functionArns: readonly string[]): Role {
    const stack = Stack.of(this);
    const executions = (rest: string) =>
      stack.formatArn({
        service: 'states',
        resource: 'execution',
        resourceName: rest,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    const watch = ['states:DescribeExecution', 'states:StopExecution'];
    const rule = eventsRuleArn(stack, 'StepFunctionsGetEventsForStepFunctionsExecutionRule');
    const ofRuns = [executions(`${runs}:*`)];
    // Those of a map run have the name of the map between machine and execution.
    const ofItems = [executions(`${name}:*`), executions(`${name}/*`)];
    const role = workflowRole(this, 'Calls the functions of comparisons and starts the runs', [
      ['Functions', ['lambda:InvokeFunction'], [...functionArns]],
      ['StartRuns', ['states:StartExecution'], [workflowArn(stack, runs)]],
      ['WatchRuns', watch, ofRuns],
      ['RunEvents', ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'], [rule]],
      ['StartItems', ['states:StartExecution'], [workflowArn(stack, name)]],
      ['WatchItems', watch, ofItems],
    ]);
    acknowledge(role, 'AwsSolutions-IAM5', 'Tracing and log delivery know no resources.', ['Resource::*']);
    acknowledge(
      role,
      'AwsSolutions-IAM5',
      'Executions have no name before they are started: those of runs, and those of the items of the map.',
      [`${runs}:*`, `${name}:*`, `${name}/*`].map(
        (rest) => `Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:${rest}`,
      ),
    );
    return role;
  }
}
