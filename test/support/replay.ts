/** What the local interpreter did, replayed through moto's: a second, independent reading of the workflow document. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { comparisonDefinition } from '../../shared/local/run-comparison.ts';
import { workflowDefinition } from '../../shared/local/run-pipeline.ts';

/** A task as the local interpreter ran it. */
export interface RanTask {
  readonly name: string;
  readonly input: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
}

/** What an interpreter did, in a form in which two can be compared. */
export interface Told {
  readonly status: string;
  /** The document's own states in the order in which they were entered. */
  readonly states: readonly string[];
  /** What each task was given, in order; tasks of a map sorted. */
  readonly inputs: Readonly<Record<string, readonly unknown[]>>;
}

interface HistoryEvent {
  readonly type: string;
  readonly stateEnteredEventDetails?: { readonly name: string };
  readonly lambdaFunctionScheduledEventDetails?: { readonly resource: string; readonly input: string };
  readonly taskScheduledEventDetails?: { readonly resourceType: string; readonly parameters: string };
}

/** A document with what differs between documents: which tasks are calls of services, by the service, and what goes on within maps. */
export interface ReplayedDocument {
  readonly definition: object;
  readonly services: Readonly<Record<string, string>>;
  /** States of a map's items; their tasks run side by side. */
  readonly ofItems: readonly string[];
  /** The item of a distributed map that a task was for, by what it was given; absent: the map is none. */
  readonly itemOf?: (input: unknown) => unknown;
}

/** The workflow of a run. */
const runDocument: ReplayedDocument = {
  definition: workflowDefinition(),
  services: { batch: 'TrainEpoch', states: 'Successor', lambda: 'AskApproval' },
  ofItems: ['AnalyseShard'],
};

/** The workflow of comparisons. Moto starts no execution of another machine: how a run ended is scripted in both. */
export const compareDocument: ReplayedDocument = {
  definition: comparisonDefinition(),
  services: { states: 'TrainRun' },
  ofItems: ['AdmitRun', 'Admitted?', 'TrainRun', 'SettleRun', 'Settled'],
  itemOf: (input) =>
    (input as { run?: string }).run ?? (input as { Input: { run: string } }).Input.run.split('/').at(-1),
};

/** Why moto can't be had; undefined where it can. */
export function motoMissing(): string | undefined {
  const { status, error } = spawnSync('python3', ['-c', 'import boto3, moto.stepfunctions.parser']);
  return status === 0
    ? undefined
    : `python3 has no moto with its Step Functions parser (${error?.message ?? 'pip install moto[all]'})`;
}

/** What the service adds to a job's environment, in moto as in AWS. */
const addedByService = (value: unknown) =>
  typeof value === 'object' && value !== null && 'name' in value && value.name === 'MANAGED_BY_AWS';

/** What a task was given, without what must differ: the names of machine and execution, what a service adds, how JSON in text is spaced. */
function comparable(input: unknown): unknown {
  return JSON.parse(JSON.stringify(input), (key, value) => {
    if (key === 'Value') return JSON.parse(value);
    if (key === 'StateMachineArn') return 'the machine';
    if (key === 'token') return 'the token';
    if (key === 'executionName') return 'the execution';
    if (key === 'startedAt') return 'when the execution began';
    return Array.isArray(value) ? value.filter((item) => !addedByService(item)) : value;
  });
}

function byName(
  tasks: readonly { name: string; input: unknown }[],
  { ofItems }: ReplayedDocument,
): Record<string, unknown[]> {
  const inputs: Record<string, unknown[]> = {};
  for (const { name, input } of tasks) inputs[name] = [...(inputs[name] ?? []), comparable(input)];
  for (const name of ofItems) inputs[name]?.sort((a, b) => (inOneOrder(a) < inOneOrder(b) ? -1 : 1));
  return inputs;
}

/** As text, whatever the order of keys. */
const inOneOrder = (value: unknown): string =>
  JSON.stringify(value, (_key, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

/** What the local interpreter told of one execution. */
export const toldLocally = (
  status: string,
  states: readonly string[],
  tasks: readonly RanTask[],
  document: ReplayedDocument = runDocument,
): Told => ({
  status,
  states,
  inputs: byName(tasks, document),
});

function resultOf({ output, error }: RanTask): object {
  if (!(error instanceof Error)) return { output };
  return { error: error.name, cause: error.message };
}

/** Moto in a process of its own. */
export interface Moto {
  /** Runs the document, each task giving what it gave locally; also how many events the history got. */
  replay(
    input: object,
    tasks: readonly RanTask[],
    document?: ReplayedDocument,
  ): Promise<Told & { readonly events: number }>;
  close(): void;
}

export function startMoto(): Moto {
  const script = fileURLToPath(new URL('replay_workflow.py', import.meta.url));
  const child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async replay(input, tasks, document = runDocument) {
      const { definition, services, ofItems, itemOf } = document;
      const results: Record<string, object[]> = {};
      for (const task of tasks) {
        const item = itemOf && ofItems.includes(task.name) ? { item: itemOf(task.input) } : {};
        results[task.name] = [...(results[task.name] ?? []), { ...resultOf(task), ...item }];
      }
      const asked = { definition, input, services: Object.values(services), tasks: results };
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      const { value } = await answers.next();
      if (value === undefined) throw new Error('moto ended without an answer');
      return told(JSON.parse(value), document);
    },
    close: () => child.stdin.end(),
  };
}

/** What an execution's history tells, and that of its map's items. */
function told(
  answer: { status: string; events: HistoryEvent[]; items: HistoryEvent[]; left: object },
  document: ReplayedDocument,
): Told & { events: number } {
  if (Object.keys(answer.left).length > 0) throw new Error(`never asked for: ${JSON.stringify(answer.left)}`);
  const { services, ofItems } = document;
  const entered = answer.events.flatMap(({ stateEnteredEventDetails: state }) => state?.name ?? []);
  const scheduled = [...answer.events, ...answer.items].flatMap(
    ({ lambdaFunctionScheduledEventDetails: invoked, taskScheduledEventDetails: called }) => {
      if (invoked) return { name: invoked.resource.split(':').at(-1)!, input: JSON.parse(invoked.input) };
      return called ? { name: services[called.resourceType]!, input: JSON.parse(called.parameters) } : [];
    },
  );
  return {
    status: answer.status,
    states: entered.filter((name) => !ofItems.includes(name)),
    inputs: byName(scheduled, document),
    events: answer.events.length,
  };
}
