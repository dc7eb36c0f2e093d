import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  SearchExpression,
  TextWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

interface MonitoringProps {
  readonly machines: { readonly runs: StateMachine; readonly comparisons: StateMachine };
  readonly launch: Lambda;
  readonly deadLetters: IQueue;
  readonly queueArns: readonly string[];
  readonly topic: ITopic;
  readonly settings: Pick<Settings, 'name' | 'hourlySpendAlarmUsd'>;
}

/** Alarms on what nobody would notice otherwise, and a dashboard of what runs do and cost. */
export class Monitoring extends Construct {
  private readonly topic: ITopic;

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    const { machines, launch, deadLetters, topic, settings } = props;
    this.topic = topic;
    const failed = failuresOf(machines.runs, 'Runs that failed or timed out');
    const failedComparisons = failuresOf(machines.comparisons, 'Comparisons that failed or timed out');
    const blocked = this.blockedQueues(props);
    const lost = deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' });
    const spend = spendOfAllRuns(settings.name);

    this.alarm(
      'FailedRuns',
      failed,
      0,
      'A run failed or timed out. `npx tempbalance cloud doctor` lists the last ones, `cloud status RUN` says why, `cloud resume RUN` goes on.',
    );
    this.alarm(
      'FailedComparisons',
      failedComparisons,
      0,
      'A comparison failed or timed out. `npx tempbalance cloud status` lists them, `cloud resume NAME` goes on; finished runs are kept.',
    );
    this.alarm(
      'StuckJobs',
      blocked,
      0,
      'A training job waits and can not start. It is ended by itself in time. `npx tempbalance cloud doctor` looks for what is missing.',
    );
    this.alarm(
      'LostEvents',
      lost,
      0,
      `A data set or a schedule started no run, or an event of a run was not published. It is in the queue ${deadLetters.queueName}, with its error. Start the run by \`npx tempbalance cloud submit\`.`,
    );
    this.alarm(
      'LaunchErrors',
      launch.metricErrors(),
      0,
      `The function that starts runs failed; it is tried again. Its log is that of ${launch.functionName}. If it fails three times, the event is in the queue of lost ones.`,
    );
    this.alarm(
      'Spend',
      spend,
      settings.hourlySpendAlarmUsd,
      `The runs of one hour cost more than ${settings.hourlySpendAlarmUsd} USD. \`npx tempbalance cloud status\` lists them, \`cloud stop RUN\` stops one.`,
    );
    this.dashboard(props, { failed, failedComparisons, blocked, lost, spend });
  }

  private alarm(id: string, metric: IMetric, threshold: number, alarmDescription: string): void {
    new Alarm(this, id, {
      metric,
      threshold,
      alarmDescription,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(this.topic));
  }

  /** AWS Batch has no metric of waiting jobs, but an event when the first of a queue can't start: told, and counted. */
  private blockedQueues({ queueArns, topic }: MonitoringProps): Metric {
    const rule = new Rule(this, 'BlockedQueue', {
      description: 'The first job of a queue can not start',
      eventPattern: {
        source: ['aws.batch'],
        detailType: ['Batch Job Queue Blocked'],
        detail: { jobQueue: [...queueArns] },
      },
      targets: [
        new SnsTopic(topic, {
          message: RuleTargetInput.fromText(
            `Training job ${EventField.fromPath('$.detail.jobName')} can not start: ${EventField.fromPath('$.detail.statusReason')}. It does not wait for ever: the queue or the workflow ends it. To look for what is missing: npx tempbalance cloud doctor`,
          ),
        }),
      ],
    });
    return new Metric({
      namespace: 'AWS/Events',
      metricName: 'TriggeredRules',
      dimensionsMap: { RuleName: rule.ruleName },
      label: 'Jobs that could not start',
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  }

  private dashboard(
    { machines, launch, settings }: MonitoringProps,
    {
      failed,
      failedComparisons,
      blocked,
      lost,
      spend,
    }: Record<'failed' | 'failedComparisons' | 'blocked' | 'lost' | 'spend', IMetric>,
  ): void {
    const { runs, comparisons } = machines;
    const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 12, height: 6 });
    new Dashboard(this, 'Dashboard', {
      dashboardName: `${settings.name}-${Stack.of(this).region}`,
      widgets: [
        [
          new TextWidget({
            markdown: `# ${settings.name}\nRuns, what they cost, and what is stuck. A run's own report is \`runs/<run>/report.html\` in the bucket, a comparison's \`comparisons/<name>/report.html\`.`,
            width: 24,
            height: 2,
          }),
        ],
        [
          graph('Runs', [runs.metricStarted(), runs.metricSucceeded(), failed]),
          graph('Spend by run, USD', [
            new SearchExpression({
              expression: `SEARCH('{TempBalance,service,run} MetricName="SpendUsd" service="${settings.name}"', 'Sum', 3600)`,
              label: '',
              period: Duration.hours(1),
            }),
          ]),
        ],
        [
          graph('Spend of all runs, USD an hour', [spend]),
          graph('Duration of runs', [runs.metricTime({ statistic: 'Maximum' })]),
        ],
        ...epochGraphs(settings.name, graph),
        [graph('Comparisons', [comparisons.metricStarted(), comparisons.metricSucceeded(), failedComparisons])],
        [graph('Stuck', [blocked, lost]), graph('Starting runs', [launch.metricInvocations(), launch.metricErrors()])],
      ],
    });
  }
}

/** The graphs of epochs, with a line for each profile. */
function epochGraphs(service: string, graph: (title: string, left: IMetric[]) => GraphWidget): GraphWidget[][] {
  const byProfile = (metricName: string) =>
    new SearchExpression({
      expression: `SEARCH('{TempBalance,service,profile} MetricName="${metricName}" service="${service}"', 'Average', 300)`,
      label: '',
      period: Duration.minutes(5),
    });
  const titles = {
    ValidationMetric: 'Validation metric, by profile',
    TrainLoss: 'Training loss, by profile',
    AlphaMean: 'Mean alpha, by profile',
    EpochSeconds: 'Seconds an epoch, by profile',
    EpochUsd: 'USD an epoch, by profile',
  };
  const graphs = Object.entries(titles).map(([name, title]) => graph(title, [byProfile(name)]));
  return [graphs.slice(0, 2), graphs.slice(2, 4), graphs.slice(4)];
}

/** Executions of a workflow that did not end well; one that a person has stopped is none. */
function failuresOf(machine: StateMachine, label: string): MathExpression {
  return new MathExpression({
    label,
    // A plain sum is missing where one of them is.
    expression: 'SUM([failed, timedOut])',
    usingMetrics: {
      failed: machine.metricFailed(),
      timedOut: machine.metricTimedOut(),
    },
    period: Duration.minutes(5),
  });
}

/** What the runs of a service report as they go, `TempBalance/SpendUsd`, summed over an hour. */
function spendOfAllRuns(service: string): MathExpression {
  return new MathExpression({
    label: 'Spend of all runs, USD',
    expression: `SELECT SUM(SpendUsd) FROM "TempBalance" WHERE "service" = '${service}'`,
    usingMetrics: {},
    period: Duration.hours(1),
  });
}
