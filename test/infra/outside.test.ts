import { Match, type Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ceilingIn } from '../../shared/cloud/environment.ts';
import { publishingIn } from '../../shared/cloud/publishing.ts';
import document from '../../shared/pipeline/pipeline.asl.json' with { type: 'json' };
import { eventSource } from '../../shared/pipeline/run-events.ts';
import { asText, type Properties, propertiesOf, statementsByRole } from './policies.ts';
import { everySetting, removeOutput, synthesize } from './synthesize.ts';

let usual: Template;
let full: Template;
beforeAll(() => {
  usual = synthesize({}).template;
  full = synthesize(everySetting).template;
});
afterAll(removeOutput);

const rule = (template: Template, source: string, detailType?: string): Properties =>
  propertiesOf(template, 'AWS::Events::Rule').find(
    ({ EventPattern, Description }) =>
      EventPattern.source[0] === source && (detailType === undefined || Description === detailType),
  )!;

describe('events of runs', () => {
  it('are published by a function that S3 tells of every note of a task, and are kept where that fails', () => {
    const { EventPattern, Targets } = rule(usual, 'aws.s3', 'A task has noted an event of a run');
    expect(EventPattern.detail.object.key).toEqual([
      { wildcard: 'runs/*/events/*.json' },
      { wildcard: 'comparisons/*/runs/*/events/*.json' },
    ]);
    expect(Targets).toHaveLength(1);
    expect(asText(Targets[0].Arn)).toMatch(/^<FunctionsPublishEvent/);
    expect(asText(Targets[0].DeadLetterConfig.Arn)).toMatch(/^<LaunchingDeadLetters/);
    usual.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: Match.stringLikeRegexp('^FunctionsPublishEvent') },
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
  });

  it('may be published under their own source alone, on the default bus', () => {
    const [, statements] = [...statementsByRole(usual)].find(([id]) => id.startsWith('FunctionsPublishEventRole'))!;
    const published = statements.filter(({ actions }) => actions.includes('events:PutEvents'));
    expect(published.map(({ resources }) => resources)).toEqual([
      ['arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default'],
    ]);
    usual.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'events:PutEvents',
            Condition: { StringEquals: { 'events:source': eventSource } },
          }),
        ]),
      },
    });
  });
});

describe('the bill', () => {
  it('can be split by run and profile: jobs are tagged, and hand their tags on to what they run as', () => {
    const { TrainEpoch } = document.States;
    expect(TrainEpoch.Parameters.Tags).toEqual({
      'tempbalance-run.$': '$.job.tag',
      'tempbalance-profile.$': '$.job.profile',
    });
    for (const { PropagateTags, Tags } of propertiesOf(usual, 'AWS::Batch::JobDefinition')) {
      expect([PropagateTags, Tags]).toEqual([true, { tempbalance: 'tempbalance' }]);
    }
    const [, statements] = [...statementsByRole(usual)].find(([id]) => id.startsWith('WorkflowRole'))!;
    expect(statements.find(({ actions }) => actions.includes('batch:TagResource'))!.resources).toEqual([
      'arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*',
    ]);
  });

  it('has a ceiling that functions which begin runs are told, and the command line by an output', () => {
    const told = (template: Template) =>
      propertiesOf(template, 'AWS::Lambda::Function').flatMap(
        ({ Environment }) => Environment.Variables.TEMPBALANCE_CEILING ?? [],
      );
    expect(told(usual)).toEqual([]);
    expect(told(full).map((text) => ceilingIn(text))).toEqual([everySetting.ceiling, everySetting.ceiling]);
    const output = (template: Template) => template.toJSON().Outputs.Ceiling.Value;
    expect([ceilingIn(output(usual)), ceilingIn(output(full))]).toEqual([undefined, everySetting.ceiling]);
  });
});

describe('the dashboard', () => {
  it('draws what epochs come to, by profile, of this service alone', () => {
    const [{ DashboardBody }] = propertiesOf(full, 'AWS::CloudWatch::Dashboard') as [Properties];
    const body = asText(DashboardBody);
    for (const name of ['ValidationMetric', 'TrainLoss', 'AlphaMean', 'EpochSeconds', 'EpochUsd']) {
      expect(body).toContain(`SEARCH('{TempBalance,service,profile} MetricName=\\"${name}\\" service=\\"team-a\\"'`);
    }
  });
});

describe('models are published', () => {
  it('by a function that reaches the places in the settings and no others', () => {
    const beyond = (template: Template) => {
      const [, statements] = [...statementsByRole(template)].find(([id]) => /^FunctionsPublishRole/.test(id))!;
      const usualActions = ['s3:ListBucket', 'logs:PutLogEvents', 'sns:Publish', 'xray:PutTraceSegments'];
      return statements
        .filter(({ actions }) =>
          ['Create', 'GetSecret'].some((verb) => actions.some((each) => each.includes(`:${verb}`))),
        )
        .filter(({ actions }) => !actions.some((each) => usualActions.includes(each) || each.startsWith('logs:')))
        .map(({ resources }) => resources);
    };
    expect(beyond(usual)).toEqual([]);
    const { huggingface, sagemaker } = everySetting.publishing;
    const account = 'arn:<AWS::Partition>:sagemaker:<AWS::Region>:<AWS::AccountId>';
    expect(beyond(full)).toEqual([
      [huggingface.tokenArn],
      [`${account}:model-package-group/${sagemaker.group}`, `${account}:model-package/${sagemaker.group}/*`],
    ]);
    const [, statements] = [...statementsByRole(full)].find(([id]) => /^FunctionsPublishRole/.test(id))!;
    expect(statements.flatMap(({ resources }) => resources)).toContain(
      'arn:<AWS::Partition>:s3:::models-of-team-a/tempbalance/*',
    );
  });

  it('where functions are told, without a secret', () => {
    const told = propertiesOf(full, 'AWS::Lambda::Function').flatMap(
      ({ Environment }) => Environment.Variables.TEMPBALANCE_PUBLISHING ?? [],
    );
    expect(told.map((text) => publishingIn(text))).toEqual(Array(3).fill(everySetting.publishing));
  });
});

describe('a webhook', () => {
  it('is there only where the settings name one', () => {
    const functions = (template: Template) =>
      Object.keys(template.findResources('AWS::Lambda::Function')).filter((id) =>
        id.startsWith('FunctionsSendWebhook'),
      );
    expect([functions(usual).length, functions(full).length]).toEqual([0, 1]);
    usual.resourceCountIs('AWS::SQS::Queue', 1);
    usual.resourceCountIs('AWS::Lambda::EventSourceMapping', 0);
  });

  it('gets the events of its own service out of a queue, which keeps what it does not take and sets it aside in the end', () => {
    const { EventPattern, Targets } = rule(full, eventSource);
    expect(EventPattern.detail).toEqual({ service: ['team-a'] });
    expect(Targets[0].InputPath).toBe('$.detail');
    expect(asText(Targets[0].Arn)).toMatch(/^<EventsWebhookQueue/);
    full.hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 360,
      RedrivePolicy: { maxReceiveCount: 20, deadLetterTargetArn: Match.anyValue() },
      SqsManagedSseEnabled: true,
    });
    full.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    });
    full.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('^The webhook has not taken events'),
    });
  });

  it('is told which secret to read, may read it and no other, and reaches nothing of the bucket', () => {
    const [send] = propertiesOf(full, 'AWS::Lambda::Function').filter(({ Environment }) =>
      Object.keys(Environment.Variables).includes('TEMPBALANCE_WEBHOOK_URL'),
    );
    expect(send!.Environment.Variables).toMatchObject({
      TEMPBALANCE_WEBHOOK_URL: everySetting.webhook.url,
      TEMPBALANCE_WEBHOOK_SECRET: everySetting.webhook.secretArn,
    });
    const [, statements] = [...statementsByRole(full)].find(([id]) => id.startsWith('FunctionsSendWebhookRole'))!;
    const actions = statements.flatMap((each) => each.actions);
    expect(actions.filter((action) => action.startsWith('s3:'))).toEqual([]);
    expect(statements.find((each) => each.actions.includes('secretsmanager:GetSecretValue'))!.resources).toEqual([
      everySetting.webhook.secretArn,
    ]);
  });
});
