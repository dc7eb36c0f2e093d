import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import { substitutionsFor } from '../workflow-document.ts';

/** A state machine's ARN from its name, for those that depend on it before it is there, or it on itself. */
export const workflowArn = (stack: Stack, name: string) =>
  stack.formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });

/** ARN of a service that a state calls. */
export const serviceArn = (scope: Construct, resource: string) =>
  `arn:${Stack.of(scope).partition}:states:::${resource}`;

/** A workflow document and where it was read. */
export interface WorkflowDocument {
  /** Amazon States Language with `${Name}` for what differs between deployments. */
  readonly text: string;
  /** The document's file, for messages. */
  readonly path: string;
}

interface DocumentMachineProps {
  readonly document: WorkflowDocument;
  readonly name: string;
  /** The values of the document's placeholders. */
  readonly values: Readonly<Record<string, string>>;
  readonly role: Role;
  readonly settings: Pick<Settings, 'logDays'>;
}

/** A workflow document as a state machine: traced, and logged without the data that goes through it. */
export function documentMachine(
  scope: Construct,
  { document, name, values, role, settings }: DocumentMachineProps,
): StateMachine {
  return new StateMachine(scope, 'StateMachine', {
    stateMachineName: name,
    stateMachineType: StateMachineType.STANDARD,
    definitionBody: DefinitionBody.fromString(document.text),
    definitionSubstitutions: substitutionsFor(document.text, values, document.path),
    role,
    tracingEnabled: true,
    logs: {
      destination: new LogGroup(scope, 'Logs', {
        logGroupName: `/aws/vendedlogs/states/${name}`,
        retention: settings.logDays,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      level: LogLevel.ALL,
      includeExecutionData: false,
    },
  });
}

/** A permission of a role: a name, actions and resources. */
export type Allowed = readonly [sid: string, actions: string[], resources: string[]];

/** The role of a workflow, which Step Functions of this account alone may take on. */
export function workflowRole(scope: Construct, description: string, allowed: readonly Allowed[]): Role {
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description,
  });
  for (const [sid, actions, resources] of allowed) {
    role.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources }));
  }
  return role;
}

/** ARN of a rule that Step Functions makes for itself, to be told how what it waits for has ended. */
export const eventsRuleArn = (stack: Stack, name: string) =>
  stack.formatArn({ service: 'events', resource: 'rule', resourceName: name });
