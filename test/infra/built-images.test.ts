import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import type { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBuildCode } from '../../infra/constructs/start-build.ts';
import { asText, type Properties, propertiesOf } from './policies.ts';
import { everySetting, removeOutput, synthesize } from './synthesize.ts';

let ours: ReturnType<typeof synthesize>;
let mirrored: Template;
beforeAll(() => {
  // Of esbuild's files nothing is looked at here.
  ours = synthesize({ images: { build: 'codebuild' } });
  mirrored = synthesize({ ...everySetting, images: { ...everySetting.images, build: 'codebuild' } }).template;
});
afterAll(removeOutput);

const buildOf = (template: Template) => propertiesOf(template, 'AWS::CodeBuild::Project')[0]!;
const commandsOf = (template: Template): { build: string[]; after: string[] } => {
  const { phases } = JSON.parse(asText(buildOf(template).Source.BuildSpec));
  return { build: phases.build.commands, after: phases.post_build.commands };
};
const imagesOf = (template: Template) => [
  ...propertiesOf(template, 'AWS::Batch::JobDefinition').map(({ ContainerProperties }) =>
    asText(ContainerProperties.Image),
  ),
  ...propertiesOf(template, 'AWS::Lambda::Function').flatMap(({ Code }) =>
    Code.ImageUri ? asText(Code.ImageUri) : [],
  ),
];

describe('images that are built in the account', () => {
  it('need no Docker where the stack is deployed: no asset is an image, and the sources alone are sent', () => {
    const assets = readdirSync(ours.outdir).filter((name) => name.startsWith('asset.'));
    const contexts = assets.filter((name) => existsSync(join(ours.outdir, name, 'functions/image/Dockerfile')));
    expect(contexts).toHaveLength(1);
    expect(readdirSync(join(ours.outdir, contexts[0]!)).toSorted()).toEqual([
      'functions',
      'package-lock.json',
      'package.json',
      'shared',
      'tsconfig.build.json',
      'tsconfig.json',
    ]);
    const { dockerImages } = JSON.parse(
      spawnSync('cat', [join(ours.outdir, 'tempbalance.assets.json')], { encoding: 'utf8' }).stdout,
    );
    expect(dockerImages).toEqual({});
  });

  it('are those that jobs and functions run, by tags of what is in them', () => {
    const { build } = commandsOf(ours.template);
    const tags = build.flatMap((command) => /--tag "\$REPOSITORY:([^"]+)"/.exec(command)?.[1] ?? []);
    expect(tags).toHaveLength(3);
    for (const tag of tags) expect(tag).toMatch(/^(functions|cpu|gpu)-[0-9a-f]{32}$/);
    const used = imagesOf(ours.template).map((image) => image.split(':').at(-1));
    expect(new Set(used)).toEqual(new Set(tags));
    const [{ tags: asked }] = propertiesOf(ours.template, 'Custom::Images') as [Properties];
    expect(asked).toEqual(tags);
    const others = commandsOf(mirrored).build.flatMap(
      (command) => /--tag "\$REPOSITORY:([^"]+)"/.exec(command)?.[1] ?? [],
    );
    for (const tag of others) expect(tags).not.toContain(tag);
  });

  it('are there before what runs them', () => {
    const resources = ours.template.toJSON().Resources as Record<
      string,
      { Type: string; DependsOn?: string[]; Properties: Properties }
    >;
    const [built] = Object.entries(resources).find(([, { Type }]) => Type === 'Custom::Images')!;
    const users = Object.values(resources).filter(
      ({ Type, Properties: { Code } }) =>
        Type === 'AWS::Batch::JobDefinition' || (Type === 'AWS::Lambda::Function' && Code.ImageUri !== undefined),
    );
    expect(users.length).toBeGreaterThan(3);
    for (const { DependsOn = [] } of users) expect(DependsOn).toContain(built);
    const before = resources[built]!.DependsOn;
    expect(before).toContainEqual(expect.stringMatching(/^ImagesBuildRoleDefaultPolicy/));
  });

  it('are built with the arguments of the settings, and base images come from a mirror with its password', () => {
    const { build } = commandsOf(mirrored);
    const mirror = everySetting.images.mirror;
    expect(build[1]).toContain(`docker login --username AWS --password-stdin ${mirror.split('/')[0]}`);
    expect(build.join('\n')).toContain(`--build-arg 'NODE_SLIM=${mirror}/library/node:`);
    expect(build.join('\n')).toContain("--build-arg 'WITH_TFJS=0'");
    expect(commandsOf(ours.template).build).toHaveLength(4);
    expect(commandsOf(ours.template).build.join('\n')).not.toContain('--build-arg');
  });

  it('are answered for whether the build succeeds or not, and within the hour that CloudFormation waits', () => {
    const { TimeoutInMinutes, QueuedTimeoutInMinutes } = buildOf(ours.template);
    expect(TimeoutInMinutes + QueuedTimeoutInMinutes).toBeLessThanOrEqual(60);
    const { after } = commandsOf(ours.template);
    const ids = JSON.stringify({
      PhysicalResourceId: 'images',
      StackId: 'arn:stack',
      RequestId: 'r',
      LogicalResourceId: 'l',
    });
    for (const [succeeding, Status] of [
      ['1', 'SUCCESS'],
      ['0', 'FAILED'],
    ] as const) {
      const { stdout, stderr } = spawnSync(
        'sh',
        ['-c', `${after.join('\n')}\ncat /tmp/answer.json; rm /tmp/answer.json`],
        {
          encoding: 'utf8',
          env: {
            ...process.env,
            CODEBUILD_BUILD_SUCCEEDING: succeeding,
            CODEBUILD_BUILD_ID: 'build:1',
            RESPONSE_URL: '',
            RESPONSE_IDS: ids.slice(1),
          },
        },
      );
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ Status, Reason: 'see the log of build build:1', ...JSON.parse(ids) });
    }
  });

  it('are built by a role that may push to their repository, and pull from the mirror, alone', () => {
    const allowed = (template: Template) =>
      propertiesOf(template, 'AWS::IAM::Policy')
        .filter(({ PolicyName }) => /ImagesBuildRole/.test(PolicyName))
        .flatMap(({ PolicyDocument }) => PolicyDocument.Statement as Properties[])
        .filter(({ Action }) =>
          [Action].flat().some((action: string) => action.startsWith('ecr:') && !action.includes('Authorization')),
        )
        .flatMap(({ Resource }) => [Resource].flat().map(asText));
    for (const resource of allowed(ours.template)) expect(resource).toMatch(/^<ImagesRepository\w+\.Arn>$/);
    expect(allowed(mirrored).at(-1)).toContain(':ecr:eu-west-1:123456789012:repository/docker-hub/*');
  });

  it('are plain images, which Lambda takes', () => {
    const variables = buildOf(ours.template).Environment.EnvironmentVariables as Properties[];
    expect(variables).toContainEqual({ Name: 'BUILDX_NO_DEFAULT_ATTESTATIONS', Type: 'PLAINTEXT', Value: '1' });
  });

  it('are built and started by roles that services take on for this account alone', () => {
    const open = propertiesOf(ours.template, 'AWS::IAM::Role').flatMap(({ AssumeRolePolicyDocument }) =>
      AssumeRolePolicyDocument.Statement.flatMap(({ Principal, Condition }: Properties) =>
        Condition?.StringEquals?.['aws:SourceAccount'] ? [] : asText(Principal.Service),
      ),
    );
    expect(open).toEqual(['ec2.amazonaws.com']);
  });

  it('are pulled by functions of this account and region alone', () => {
    const [repository] = propertiesOf(ours.template, 'AWS::ECR::Repository');
    expect(repository!.RepositoryPolicyText.Statement).toHaveLength(1);
    const [{ Principal, Condition }] = repository!.RepositoryPolicyText.Statement;
    expect(Principal).toEqual({ Service: 'lambda.amazonaws.com' });
    const functions = 'arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:*';
    expect(asText(Condition.ArnLike['aws:SourceArn'])).toBe(functions);
  });

  it('by cfn-lint have nothing wrong, where it is installed', (context) => {
    const found = spawnSync('cfn-lint', ['--ignore-checks', 'W3005', '--', ours.templateFile], { encoding: 'utf8' });
    if (found.error) return context.skip('cfn-lint is not installed here (pip install cfn-lint)');
    expect(found.stdout).toBe('');
  });
});

describe('the function that starts a build', () => {
  interface Sent {
    readonly started: { projectName: string; environmentVariablesOverride: { name: string; value: string }[] }[];
    readonly answered: { url: string; body: Record<string, string> }[];
  }

  /** Calls it as CloudFormation does. */
  async function call(RequestType: string, failure?: Error): Promise<Sent> {
    const sent: Sent = { started: [], answered: [] };
    class StartBuildCommand {
      readonly input: Sent['started'][0];
      constructor(input: Sent['started'][0]) {
        this.input = input;
      }
    }
    class CodeBuildClient {
      async send({ input }: StartBuildCommand) {
        if (failure) throw failure;
        sent.started.push(input);
      }
    }
    const exports: { handler?: (event: object) => Promise<void> } = {};
    runInNewContext(startBuildCode, {
      exports,
      require: () => ({ CodeBuildClient, StartBuildCommand }),
      fetch: async (url: string, { body }: { body: string }) => sent.answered.push({ url, body: JSON.parse(body) }),
    });
    const ids = { StackId: 'arn:stack', RequestId: 'r', LogicalResourceId: 'Built' };
    await exports.handler!({
      RequestType,
      ResponseURL: 'https://answer',
      ...ids,
      ResourceProperties: { project: 'p', id: 'images' },
    });
    return sent;
  }

  it('leaves the answer to the build', async () => {
    const { started, answered } = await call('Update');
    expect(answered).toEqual([]);
    expect(started[0]!.projectName).toBe('p');
    const values = Object.fromEntries(started[0]!.environmentVariablesOverride.map(({ name, value }) => [name, value]));
    expect(values.RESPONSE_URL).toBe('https://answer');
    expect(JSON.parse(`{${values.RESPONSE_IDS}`)).toEqual({
      ...{ PhysicalResourceId: 'images', StackId: 'arn:stack', RequestId: 'r', LogicalResourceId: 'Built' },
    });
  });

  it('answers itself where no build begins, and where the stack is deleted', async () => {
    const { answered } = await call('Create', new Error('too many builds'));
    expect(answered[0]!.body).toMatchObject({
      Status: 'FAILED',
      PhysicalResourceId: 'images',
      Reason: expect.stringContaining('too many builds'),
    });
    const deleted = await call('Delete');
    expect(deleted.started).toEqual([]);
    expect(deleted.answered[0]!.body).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'images' });
  });
});
