import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { CreateModelPackageCommandInput, SageMakerClient } from '@aws-sdk/client-sagemaker';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { answerApproval } from '../../shared/cloud/approve.ts';
import { publishModel } from '../../shared/cloud/publish-model.ts';
import type { PublishedModel, TaskContext } from '../../shared/pipeline/context.ts';
import { modelToPublish } from '../../shared/pipeline/publication.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeConfig } from '../support/fake-run.ts';

const deployment = await startDeployment();
const run = 'runs/waves-1';
const token = 'hf_secretsecretsecret';

/** A run with a model in the deployment's bucket, and what publishes it. */
async function model(content = 'weights'): Promise<PublishedModel> {
  const { store } = deployment!;
  await store.put(runKeys.model(run, 'model.safetensors'), new TextEncoder().encode(content));
  await store.put(runKeys.model(run, 'config.json'), encodeJson({ width: 3 }));
  await store.put(runKeys.model(run, 'README.md'), new TextEncoder().encode(`card at ${Math.random()}`));
  const config = fakeConfig({ publish: { to: 's3', name: 'waves' } });
  return modelToPublish({ store } as TaskContext, run, config, false);
}

const sent: CreateModelPackageCommandInput[] = [];
const sagemaker = {
  async send({ input }: { input: CreateModelPackageCommandInput }) {
    sent.push(input);
    return { ModelPackageArn: 'arn:aws:sagemaker:us-east-1:123456789012:model-package/operators/1' };
  },
} as unknown as SageMakerClient;
const clients = () => ({ store: deployment!.store, s3: deployment!.s3, sagemaker, secret: async () => token });

interface Commit {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
}

/** The Hub, as far as it is asked: repositories with files, commits of small ones. */
async function hub({ refuses = false } = {}) {
  const repos = new Map<string, Record<string, string>>();
  const commits: Commit[] = [];
  const tokens = new Set<string | undefined>();
  const server = createServer(async (asked, answer) => {
    tokens.add(asked.headers.authorization);
    let body = '';
    for await (const text of asked) body += text;
    const json = (status: number, value: object) =>
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (refuses) return json(401, { error: `the token ${token} is not valid` });
    const url = asked.url!;
    const [, ofCommit] = /^\/api\/models\/(.+)\/commit\/main/.exec(url) ?? [];
    const [, ofFile, path] = /^\/(.+)\/resolve\/main\/([^?]+)/.exec(url) ?? [];
    if (url.startsWith('/api/repos/create')) {
      const { name, organization } = JSON.parse(body) as { name: string; organization?: string };
      const id = organization ? `${organization}/${name}` : name;
      if (repos.has(id)) return json(409, { error: 'You already created this model repo' });
      repos.set(id, {});
      return json(200, { url: `http://hub/${id}`, id: 'x' });
    }
    if (url.includes('/preupload/')) {
      const { files } = JSON.parse(body) as { files: { path: string }[] };
      return json(200, { files: files.map((file) => ({ ...file, uploadMode: 'regular' })) });
    }
    if (ofCommit) {
      const lines = body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { key: string; value: never });
      const header = lines.find(({ key }) => key === 'header')!.value as { summary: string };
      const files = lines
        .filter(({ key }) => key === 'file')
        .map(({ value }) => value as { path: string; content: string })
        .map(({ path: name, content }) => [name, Buffer.from(content, 'base64').toString()]);
      commits.push({ title: header.summary, files: Object.fromEntries(files) });
      Object.assign(repos.get(ofCommit)!, Object.fromEntries(files));
      return json(200, { success: true, commitOid: 'a'.repeat(40), commitUrl: 'http://hub/commit', hookOutput: '' });
    }
    const content = ofFile && repos.get(ofFile)?.[decodeURIComponent(path!)];
    if (content === undefined || ofFile === undefined) return json(404, { error: 'Entry not found' });
    const bytes = Buffer.from(content);
    const { range } = asked.headers;
    const headers = {
      etag: '"1"',
      'content-length': String(bytes.length),
      'content-range': `bytes 0-0/${bytes.length}`,
    };
    if (asked.method === 'HEAD' || range === 'bytes=0-0') return answer.writeHead(range ? 206 : 200, headers).end();
    return answer.writeHead(200, { etag: '"1"', 'content-length': String(bytes.length) }).end(bytes);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const huggingface = { namespace: 'team-a', tokenArn: 'arn:token', visibility: 'private', hubUrl } as const;
  return { commits, tokens, repos, hubUrl, publish: publishModel(clients(), { huggingface }) };
}

describe.skipIf(!deployment)('a model is published', () => {
  it('to a prefix in S3: its files, and last of all what says that they are all there; twice the same once', async () => {
    const { s3 } = deployment!;
    await s3.send(new CreateBucketCommand({ Bucket: 'models-of-team-a' }));
    const target = s3Store({ client: s3, bucket: 'models-of-team-a' });
    const publish = publishModel(clients(), { s3: 's3://models-of-team-a/tempbalance/' });
    expect(await publish('s3', await model())).toBe('s3://models-of-team-a/tempbalance/waves/waves-1/');
    const place = 'tempbalance/waves/waves-1/';
    const names = ['README.md', 'config.json', 'model.safetensors', 'tempbalance-manifest.json'];
    expect(await target.list('')).toEqual(names.map((name) => `${place}${name}`));
    const text = async (name: string) => new TextDecoder().decode((await target.get(`${place}${name}`))!.bytes);
    expect(await text('model.safetensors')).toBe('weights');
    const { files, digest } = JSON.parse(await text('tempbalance-manifest.json'));
    expect(files['model.safetensors']).toEqual({ bytes: 7, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const card = await text('README.md');
    await publish('s3', await model());
    expect(await text('README.md')).toBe(card);
    await publish('s3', await model('better weights'));
    expect(await text('model.safetensors')).toBe('better weights');
    expect(JSON.parse(await text('tempbalance-manifest.json')).digest).not.toBe(digest);
  });

  it('to the Hugging Face Hub: all files in one commit of a repository that is made; twice the same once', async () => {
    const { commits, tokens, repos, hubUrl, publish } = await hub();
    expect(await publish('huggingface', await model())).toBe(`${hubUrl}/team-a/waves`);
    expect(commits).toHaveLength(1);
    expect(commits[0]!.title).toBe('Model of waves-1');
    expect(Object.keys(commits[0]!.files).toSorted()).toEqual([
      'README.md',
      'config.json',
      'model.safetensors',
      'tempbalance-manifest.json',
    ]);
    expect(commits[0]!.files['model.safetensors']).toBe('weights');
    await publish('huggingface', await model());
    expect(commits).toHaveLength(1);
    await publish('huggingface', await model('better weights'));
    expect(commits).toHaveLength(2);
    expect([...repos.keys()]).toEqual(['team-a/waves']);
    expect([...tokens]).toEqual([`Bearer ${token}`]);
  });

  it('not where the Hub refuses the token, which no message has', async () => {
    const { publish } = await hub({ refuses: true });
    const refused = await publish('huggingface', await model()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'UserError', message: expect.stringContaining('refuses the token (401)') });
    expect((refused as Error).message).not.toContain(token);
  });

  it('to the SageMaker Model Registry: a version that waits for approval, under a token by which it is registered once', async () => {
    const publish = publishModel(clients(), { sagemaker: { group: 'operators', image: 'image' } });
    const first = await model();
    expect(await publish('sagemaker', first)).toContain(':model-package/operators/1');
    await publish('sagemaker', await model());
    await publish('sagemaker', { ...(await model('others')), isApproved: true });
    const [a, b, c] = sent as [CreateModelPackageCommandInput, CreateModelPackageCommandInput, (typeof sent)[0]];
    expect(a).toMatchObject({
      ModelPackageGroupName: 'operators',
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [
          {
            Image: 'image',
            ModelDataSource: {
              S3DataSource: { S3Uri: `s3://${deployment!.bucket}/${run}/model/`, S3DataType: 'S3Prefix' },
            },
          },
        ],
      },
    });
    expect(a.ClientToken!.length).toBeLessThanOrEqual(36);
    expect(b.ClientToken).toBe(a.ClientToken);
    expect(c.ClientToken).not.toBe(a.ClientToken);
    expect(c.ModelApprovalStatus).toBe('Approved');
  });
});

describe('an answer', () => {
  const approval = {
    version: 1,
    to: 's3',
    token: 'the token',
    askedAt: '2026-11-23T00:00:00.000Z',
    until: '2026-11-30T00:00:00.000Z',
  };
  const answering = (error?: string) => {
    const told: unknown[] = [];
    const sfn = {
      async send({ input }: { input: unknown }) {
        told.push(input);
        if (error) throw Object.assign(new Error('no'), { name: error });
      },
    } as unknown as SFNClient;
    return { told, sfn };
  };

  it('is told to the workflow that waits for it', async () => {
    const store = memoryStore();
    await store.put(runKeys.approval(run), encodeJson(approval));
    const { told, sfn } = answering();
    expect(await answerApproval({ sfn, store }, run, { approved: true, by: 'arn:ada' })).toBe('s3');
    expect(told).toEqual([{ taskToken: 'the token', output: '{"approved":true,"by":"arn:ada"}' }]);
  });

  it.each(['TaskTimedOut', 'InvalidToken', 'TaskDoesNotExist'])('comes too late: %s', async (error) => {
    const store = memoryStore();
    await store.put(runKeys.approval(run), encodeJson(approval));
    const { sfn } = answering(error);
    await expect(answerApproval({ sfn, store }, run, { approved: true, by: 'ada' })).rejects.toThrow(
      'waves-1: does not wait for an answer',
    );
  });

  it('is not wanted where the model is published', async () => {
    const store = memoryStore();
    const record = { version: 1, to: 's3', status: 'published', address: 's3://m/', digest: 'd', at: approval.askedAt };
    await store.put(runKeys.publication(run), encodeJson(record));
    const { sfn } = answering();
    await expect(answerApproval({ sfn, store }, run, { approved: true, by: 'ada' })).rejects.toThrow(
      'does not wait for an answer: its model is published (s3://m/)',
    );
  });
});
