/** The structured logs of a run: of the functions and of the training jobs. */
import {
  CloudWatchLogsClient,
  FilterLogEventsCommand,
  type FilterLogEventsCommandOutput,
} from '@aws-sdk/client-cloudwatch-logs';
import { z } from 'zod';
import { explaining } from './explain.ts';
import type { Deployment } from './find-deployment.ts';
import { stackResources } from './stack-resources.ts';

/** A line of a run's logs. */
export interface LogLine {
  /** Unique among the run's lines. */
  readonly id: string;
  readonly at: Date;
  /** The function, or `train-epoch`. */
  readonly source: string;
  /** The line as it was written. */
  readonly text: string;
}

/** A log group and what writes to it. */
export interface LogGroup {
  readonly name: string;
  readonly source: string;
}

/** `FunctionsPlanAnalysisLogs0A1B2C3D` is of plan-analysis, `JobsLogs0A1B2C3D` of the jobs; undefined for other groups. */
export function sourceOf(logicalId: string): string | undefined {
  const [, folder, name] = /^(Functions|Jobs)(.*?)Logs[0-9A-F]{8}$/.exec(logicalId) ?? [];
  if (folder === 'Jobs') return 'train-epoch';
  return name?.replace(/(?<=.)([A-Z])/g, '-$1').toLowerCase();
}

/** The deployment's groups with structured logs. */
export async function logGroups(deployment: Pick<Deployment, 'stack' | 'region'>): Promise<LogGroup[]> {
  const resources = await stackResources(deployment);
  return resources('AWS::Logs::LogGroup').flatMap(({ logicalId, id: name }) => {
    const source = sourceOf(logicalId);
    return source === undefined ? [] : [{ name, source }];
  });
}

export function logsClient(region: string): CloudWatchLogsClient {
  return explaining(new CloudWatchLogsClient({ region }));
}

const structuredSchema = z.looseObject({
  run: z.string(),
  level: z.string().optional(),
  message: z.unknown(),
  event: z.looseObject({ type: z.string() }).optional(),
});

function structured(text: string): z.infer<typeof structuredSchema> | undefined {
  try {
    return structuredSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The lines of a run from a time on, in the order of time. */
export async function readLogs(
  client: CloudWatchLogsClient,
  groups: readonly LogGroup[],
  run: string,
  since: Date,
): Promise<LogLine[]> {
  const lines = await Promise.all(groups.map((group) => readGroup(client, group, run, since)));
  return lines.flat().sort((a, b) => a.at.getTime() - b.at.getTime());
}

async function readGroup(
  client: CloudWatchLogsClient,
  { name: logGroupName, source }: LogGroup,
  run: string,
  since: Date,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  let nextToken: string | undefined;
  do {
    const page: FilterLogEventsCommandOutput = await client.send(
      new FilterLogEventsCommand({
        logGroupName,
        startTime: since.getTime(),
        filterPattern: `{ $.run = ${JSON.stringify(run)} }`,
        nextToken,
      }),
    );
    for (const { eventId, timestamp, message } of page.events ?? []) {
      if (structured(message!)?.run !== run) continue;
      lines.push({ id: `${logGroupName} ${eventId}`, at: new Date(timestamp!), source, text: message!.trimEnd() });
    }
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return lines;
}

/** Time, level, source and message; of progress, the event itself. */
export function formatLogLine({ at, source, text }: LogLine): string {
  const { level = '', message, event } = structured(text) ?? { message: text };
  const said = typeof message === 'string' ? message : JSON.stringify(message);
  const { type, ...details } = event ?? { type: '' };
  const progress = type === '' ? '' : ` ${JSON.stringify(details)}`;
  return `${at.toISOString()}  ${level.padEnd(5)}  ${source.padEnd(14)}  ${said}${progress}`;
}
