import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { runCliProcess } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { startTestS3 } from '../support/s3.ts';

const s3 = await startTestS3();

describe.skipIf(!s3)('a run on this machine', () => {
  const { client, newBucket, proxy } = s3!;

  it('takes a model and its data out of S3, and fetches what has changed alone', async () => {
    const cwd = await writeLanguageRun({ lora: { rank: 4 } }, { epochs: 1 });
    const Bucket = await newBucket();
    const put = (Key: string, Body: Uint8Array | string) => client.send(new PutObjectCommand({ Bucket, Key, Body }));
    for (const name of await readdir(join(cwd, 'bert'))) {
      await put(`models/bert/${name}`, await readFile(join(cwd, 'bert', name)));
    }
    const texts = await readFile(join(cwd, 'texts.jsonl'), 'utf8');
    await put('texts.jsonl', texts);
    const cache = join(cwd, 'cache');
    const env = {
      XDG_CACHE_HOME: cache,
      AWS_ENDPOINT_URL: proxy.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const set = (...settings: string[]) => settings.flatMap((each) => ['--set', each]);
    const given = set(`model.folder=s3://${Bucket}/models/bert`, `dataset.path=s3://${Bucket}/texts.jsonl`);
    const fetching = /^note: fetching s3:\/\/.*$/gm;

    const trained = await runCliProcess(['train', 'run.yaml', ...given], { cwd, env });
    expect(trained.code).toBe(0);
    expect(trained.stderr.match(fetching)).toHaveLength(2);
    const { adapter } = JSON.parse(await readFile(join(cwd, 'runs/texts/run.json'), 'utf8'));
    expect(adapter.base.path).toBe(`s3://${Bucket}/models/bert`);
    for (const args of [
      ['predict', 'texts', 'texts.jsonl'],
      ['export', 'texts', 'whole', '--merge'],
      ['analyze', 'texts'],
      ['resume', 'texts', ...set('training.epochs=2')],
    ]) {
      const { code, stderr } = await runCliProcess(args, { cwd, env });
      expect({ args, code, fetched: stderr.match(fetching) }).toEqual({ args, code: 0, fetched: null });
    }

    await put('texts.jsonl', texts.replaceAll('\n', '\n\n'));
    const changed = await runCliProcess(['resume', 'texts'], { cwd, env });
    expect(changed).toMatchObject({ code: 2, stderr: expect.stringContaining('not the one that the run began with') });
    expect(changed.stderr.match(fetching)).toHaveLength(1);
    expect(await readdir(join(cache, 'tempbalance/inputs'))).toHaveLength(3);

    const mistyped = set(`dataset.path=s3://${Bucket}/text.jsonl`);
    expect(await runCliProcess(['validate', 'run.yaml', ...given, ...mistyped], { cwd, env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /text\.jsonl: there is no such object, nor a folder of this name\n.*bucket and the key/,
      ),
    });
    const lost = set(`model.folder=s3://${Bucket}/models/brt/`);
    expect(await runCliProcess(['validate', 'run.yaml', ...given, ...lost], { cwd, env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/models\/brt\/: there is nothing in this folder\n.*model.folder/),
    });
  });
});
