import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { readHead } from '../../shared/checkpoints/manifest.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { startExecution } from '../../shared/cloud/launch.ts';
import { nameOf } from '../../shared/cloud/runs.ts';
import { fingerprintFile } from '../../shared/datasets/fingerprint.ts';
import { otherFilesOf } from '../../shared/datasets/registry.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { readRequest, readRunRecord } from '../../shared/pipeline/records.ts';
import { runCli, runCliProcess, startCli } from '../support/cli.ts';
import { startDeployment } from '../support/deployment.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { smallRun, temporaryFolder, writeRunFile } from '../support/small-run.ts';
import { createStack } from '../support/stack.ts';
import { v3, v3Key, writeZarr } from '../support/zarr.ts';

const deployment = await startDeployment();
/** What the stand-in needs, and no credentials but those given. */
const env: Record<string, string> = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/nowhere',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
};
const cloud = (args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) =>
  runCli(['cloud', ...args], { ...options, env: { ...env, ...options.env } });

/** Interprets the workflow of a run here, by the deployment's functions and containers. */
async function complete(run: string) {
  const { store, perform, runJob } = deployment!;
  expect(
    await runPipeline(
      run,
      localContext(store, () => undefined),
      () => false,
      { perform, runJob },
    ),
  ).toEqual({
    status: 'done',
  });
}

beforeAll(async () => {
  if (deployment) await createStack(deployment);
});

describe.skipIf(!deployment)('tempbalance cloud', () => {
  it('sends a run file with data and weights, follows the run, and fetches what it leaves', async () => {
    const cwd = await temporaryFolder();
    const { store, bucket } = deployment!;
    const weights = await pretrained(cwd);
    await writeRunFile(cwd, { model: { weights: 'weights.safetensors' }, training: { epochs: 2, engine: 'wasm' } });
    const submitted = await cloud(['submit', 'small.yaml', '--set', 'compute.target=cpu'], { cwd });
    expect(submitted.stderr).toMatch(/^note: balance\.unit is layer, and the balanced layers have unlike shapes.*\n$/);
    expect(submitted.code).toBe(0);
    const [, name] = /^run {7}(small-[0-9a-f]{12})$/m.exec(submitted.stdout)!;
    expect(submitted.stdout).toMatch(/^weights {3}s3:\/\/.*\/weights\/[0-9a-f]{16}-weights\.safetensors/m);
    expect(submitted.stdout).toContain(`npx tempbalance cloud watch ${name}`);
    expect(submitted.stdout).toContain('https://us-east-1.console.aws.amazon.com/states/');
    expect(await deployment!.executions()).toEqual([{ name, input: { run: `runs/${name}` } }]);
    expect((await store.list('weights/')).length).toBe(1);
    expect(new TextDecoder().decode((await store.get('profiles/small.yaml'))!.bytes)).toContain('target: cpu');

    const [key] = await store.list('datasets/');
    const detail = { bucket: { name: bucket }, object: { key } };
    expect(await deployment!.invoke('launch', { source: 'aws.s3', detail })).toMatchObject({ status: 'superseded' });

    const again = await cloud(['submit', 'small.yaml', '--set', 'compute.target=cpu'], { cwd });
    expect(again.code).toBe(0);
    expect(again.stdout.match(/\(was there\)/g)).toHaveLength(3);
    expect(await deployment!.executions()).toHaveLength(1);
    const other = await cloud(['submit', 'small.yaml', '--set', 'training.learningRate=0.1'], { cwd });
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('--name <name>');

    const early = await cloud(['fetch', name!], { cwd });
    expect(early.code).toBe(2);
    expect(early.stderr).toContain('has no model yet');
    const running = JSON.parse((await cloud(['status', name!, '--json'])).stdout);
    expect(running).toMatchObject({ run: name, state: 'running', epoch: null, execution: { name, status: 'RUNNING' } });

    await complete(`runs/${name}`);
    expect((await cloud(['stop', name!])).stdout).toContain('epoch 2, the last commit, is kept');
    const watched = await cloud(['watch', name!]);
    expect(watched.code).toBe(0);
    expect(watched.stdout).toContain('epoch 2/2');
    expect(watched.stdout).toContain(`${name}: completed, all 2 epochs are trained`);
    expect((await cloud(['status'])).stdout).toMatch(new RegExp(`${name}\\s+completed\\s+2/2\\s+nRMSE`));
    const status = await cloud(['status', name!]);
    expect(status.stdout).toMatch(/state\s+completed, all 2 epochs are trained/);
    expect(status.stdout).toContain(`s3://${bucket}/runs/${name}/`);

    const fetched = await cloud(['fetch', name!, 'there'], { cwd });
    expect(fetched.code).toBe(0);
    expect(fetched.stdout.trim().split('\n')).toContain(`there/${name}/report.html`);
    const model = await readFile(join(cwd, 'there', name!, 'model', 'model.safetensors'));
    expect(model.equals((await store.get(runKeys.model(`runs/${name}`, 'model.safetensors')))!.bytes)).toBe(true);

    const all = await cloud(['fetch', name!, '--all', '--dataset', weights], { cwd });
    expect(all.code).toBe(2);
    expect(all.stderr).toContain('is not the data set that the run began with');
    const inputs = join(cwd, 'runs', name!, 'inputs');
    await mkdir(inputs, { recursive: true });
    await writeFile(join(inputs, `draft-999999999-of-one-that-was-killed@${hostname()}`), 'half a data set');
    expect((await cloud(['fetch', name!, '--all'], { cwd })).code).toBe(0);
    expect((await readdir(inputs)).filter((file) => file.startsWith('draft-'))).toEqual([]);
    const more = await runCli(['resume', name!, '--set', 'training.epochs=3'], { cwd });
    expect(more.stderr).toBe('');
    expect(more.code).toBe(0);
    expect(more.stdout).toContain('epoch 3/3');
    const report = await readFile(join(cwd, 'runs', name!, 'report.html'));
    const behind = await cloud(['fetch', name!], { cwd });
    expect(behind.code).toBe(2);
    expect(behind.stderr).toContain('with an epoch 3 that this one does not have');
    expect((await readFile(join(cwd, 'runs', name!, 'report.html'))).equals(report)).toBe(true);
    const useless = await cloud(['fetch', name!, '--dataset', weights], { cwd });
    expect(useless.stderr).toContain('is only for --all');
  });

  it('refuses data that are several files, or a folder', async () => {
    const cwd = await temporaryFolder();
    const array = {
      shape: [8, 8, 32],
      chunk: [8, 8, 32],
      element: (index: number) => new Uint8Array(Float32Array.of(Math.sin(index)).buffer),
    };
    const metadata = { 'zarr.json': v3(array, 'float32', { dimension_names: ['sample', 'time', 'x'] }) };
    await writeZarr(join(cwd, 'data.zarr', 'u'), metadata, array, v3Key);
    const submit = async (path: string | string[]) => {
      await writeRunFile(cwd, { dataset: { format: 'fields', path, key: 'u' } });
      return cloud(['submit', 'small.yaml'], { cwd });
    };
    const takes = 'a deployed run takes one file of data, and';
    const folder = await submit('data.zarr');
    expect([folder.code, folder.stderr]).toEqual([2, expect.stringContaining(`${takes} this is a folder`)]);
    const list = await submit(['data.zarr', 'more.zarr']);
    expect([list.code, list.stderr]).toEqual([2, expect.stringContaining(`${takes} dataset.path lists 2`)]);
  });

  it('stops a run, refuses what that leaves no sense in, and goes on with other settings', async () => {
    const cwd = await temporaryFolder();
    await writeRunFile(cwd, { training: { epochs: 1 } });
    const name = 'small-second';
    expect((await cloud(['submit', 'small.yaml', '--name', 'second'], { cwd })).code).toBe(0);
    const early = await cloud(['resume', name]);
    expect(early.code).toBe(2);
    expect(early.stderr).toContain(`${name}: is running`);

    const stopped = await cloud(['stop', name]);
    expect(stopped.stdout).toContain('nothing was committed yet');
    expect(stopped.stdout).toContain(`npx tempbalance cloud resume ${name}`);
    expect((await cloud(['stop', name])).stderr).toContain(`${name}: is not running`);
    const submitted = await cloud(['submit', 'small.yaml', '--name', 'second'], { cwd });
    expect(submitted.stdout).toContain(`run       ${name}  (was there)`);
    expect(submitted.stdout).toContain('Nothing was started');
    expect(submitted.stdout).toContain(`npx tempbalance cloud resume ${name}`);
    expect(JSON.parse((await cloud(['status', name, '--json'])).stdout)).toMatchObject({ state: 'stopped' });
    const watched = await cloud(['watch', name]);
    expect(watched.code).toBe(130);
    expect(watched.stderr).toContain('no execution is at it (the last: ABORTED)');
    const at = new Date(0).toISOString();
    const goesOn = { outcome: 'running', reason: 'no machine was to be had: the run goes on in eu-west-1', at };
    await deployment!.store.put(runKeys.outcome(`runs/${name}`), encodeJson(goesOn));
    const left = await cloud(['watch', name]);
    expect([left.code, left.stdout, left.stderr]).toEqual([130, expect.stringContaining(goesOn.reason), '']);
    expect(JSON.parse((await cloud(['status', name, '--json'])).stdout)).toMatchObject({
      state: 'stopped',
      reason: goesOn.reason,
    });
    const error = { name: 'UserError', message: 'the data set is odd' };
    const outcome = { outcome: 'failed', reason: error.message, at, error };
    await deployment!.store.put(runKeys.outcome(`runs/${name}`), encodeJson(outcome));
    const failed = await cloud(['watch', name]);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('error: the data set is odd');
    expect((await cloud(['status', name])).stdout).toMatch(/error +the data set is odd/);

    const refused = await cloud(['resume', name, '--set', 'training.seed=8']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("can't change in the middle of a run");
    const elsewhere = await cloud(['resume', name, '--set', 'dataset.path=there.hdf5']);
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain('dataset.path: there.hdf5: does not lie below datasets/');
    const resumed = await cloud(['resume', name, '--set', 'training.epochs=5']);
    expect(resumed.stderr).toBe('');
    expect(resumed.stdout).toContain(`execution ${name}-2 goes on from the last commit`);
    const executions = await deployment!.executions();
    expect(executions.filter(({ input }) => JSON.stringify(input).includes(name)).map((each) => each.name)).toEqual(
      expect.arrayContaining([name, `${name}-2`]),
    );
    const { config, overrides } = JSON.parse(
      new TextDecoder().decode((await deployment!.store.get(`runs/${name}/request.json`))!.bytes),
    );
    expect(config.training.epochs).toBe(5);
    expect(config.dataset.path).toMatch(/^s3:/);
    expect(overrides).toEqual(['training.epochs=5']);
    const again = (await cloud(['status', name])).stdout;
    expect(again).toMatch(/state +running\n/);
    expect(again).not.toContain('the data set is odd');
  });

  it('knows of an execution that goes on beside a newer one that has ended', async () => {
    const run = 'runs/small-second';
    const [name, later] = [`${nameOf(run)}-2`, `${nameOf(run)}-3`];
    await startExecution(deployment!, run, later);
    const executionArn = `${deployment!.stateMachine.replace(':stateMachine:', ':execution:')}:${later}`;
    await deployment!.sfn.send(new StopExecutionCommand({ executionArn }));
    const status = JSON.parse((await cloud(['status', nameOf(run), '--json'])).stdout);
    expect(status).toMatchObject({ state: 'running', execution: { name } });
    for (const command of [['resume'], ['fetch', '--all']]) {
      const refused = await cloud([...command, nameOf(run)]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(`${nameOf(run)}: is running`);
    }
  });

  it('checks the run file before it sends anything', async () => {
    const cwd = await temporaryFolder();
    await writeRunFile(cwd, { dataset: { window: 400 } });
    const before = await deployment!.store.list('');
    const refused = await cloud(['submit', 'small.yaml', '--profile', 'unfit'], { cwd });
    expect(refused.code).toBe(2);
    const balance = { every: { steps: 2 }, until: { share: 0.001 } };
    await writeRunFile(cwd, { balance });
    const [here, there] = [
      await runCli(['validate', 'small.yaml'], { cwd }),
      await cloud(['submit', 'small.yaml'], { cwd }),
    ];
    expect([there.code, there.stderr]).toEqual([2, here.stderr]);
    expect(there.stderr).toContain('balance.until: comes before the first analysis of the training');
    expect(await deployment!.store.list('')).toEqual(before);
    await cp(fixturePath('models', 'roberta-tiny-lora'), join(cwd, 'adapter'), { recursive: true });
    const model = { family: 'huggingface', folder: 'adapter' };
    await writeFile(join(cwd, 'on.yaml'), stringify({ model, dataset: { format: 'jsonl', path: 'texts.jsonl' } }));
    const adapted = await cloud(['submit', 'on.yaml'], { cwd });
    expect(adapted.code).toBe(2);
    expect(adapted.stderr).toContain('on.yaml: model.folder: a deployed run begins with a whole model');
    expect(await deployment!.store.list('')).toEqual(before);
    const named = await cloud(['submit', 'small.yaml', '--name', 'with space'], { cwd });
    expect(named.code).toBe(2);
    expect(named.stderr).toContain('--name with space: must be letters');
  });

  it('takes a data set and weights that are in the bucket already, and no others', async () => {
    const cwd = await temporaryFolder();
    const { bucket, store, upload } = deployment!;
    const key = 'datasets/there/waves.hdf5';
    const version = await upload(key, await readFile(smallRun.dataset.path));
    await upload('weights/there.safetensors', 'weights');
    const weights = `s3://${bucket}/weights/there.safetensors`;
    const submit = async (path: string, from = weights) => {
      await writeRunFile(cwd, { model: { weights: from }, dataset: { path } }, 'there.yaml');
      return cloud(['submit', 'there.yaml'], { cwd });
    };
    for (const [path, problem] of [
      [`s3://${bucket}/datasets/others/waves.hdf5`, `does not lie below s3://${bucket}/datasets/there/`],
      ['s3://another/datasets/there/waves.hdf5', `does not lie below s3://${bucket}/datasets/there/`],
      [`s3://${bucket}/datasets/there/waves.hdf`, 'there is no such object'],
      [`s3://${bucket}/${key}?versionId=old`, 'is not the newest version'],
    ] as const) {
      const refused = await submit(path);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(`${path}: ${problem}`);
    }
    const elsewhere = await submit(`s3://${bucket}/${key}`, `s3://${bucket}/runs/w.safetensors`);
    expect(elsewhere.stderr).toContain('does not lie below weights/ in the bucket');
    expect(await store.get('profiles/there.yaml')).toBeUndefined();
    const { stdout, stderr } = await submit(`s3://${bucket}/${key}`);
    expect(stderr).toBe('');
    const [, name] = /^run {7}(there-[0-9a-f]{12})$/m.exec(stdout)!;
    const request = new TextDecoder().decode((await store.get(`runs/${name}/request.json`))!.bytes);
    expect(request).toContain(`s3://${bucket}/${key}?versionId=${version}`);
    expect(request).toContain(`${weights}?versionId=`);
  });

  it('sends a run of this machine and goes on with it under its name', async () => {
    const cwd = await temporaryFolder();
    await writeRunFile(cwd, { training: { epochs: 1 }, output: { name: 'begun-here' } });
    expect((await runCli(['train', 'small.yaml'], { cwd })).code).toBe(0);
    for (const [set, problem] of [
      ['training.epoch=2', 'did you mean "epochs"'],
      ['training.seed=8', "can't change in the middle of a run"],
      ['dataset.path=other.hdf5', 'does not lie below datasets/'],
    ] as const) {
      const refused = await cloud(['submit', '--run', 'begun-here', '--set', set], { cwd });
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(problem);
    }
    expect(await deployment!.store.list('runs/begun-here/')).toEqual([]);
    expect(await deployment!.store.list('datasets/begun-here/')).toEqual([]);
    const pushed = await cloud(['submit', '--run', 'begun-here', '--set', 'training.epochs=2'], { cwd });
    expect(pushed.stderr).toBe('');
    expect(pushed.code).toBe(0);
    expect(await readHead(deployment!.store, 'runs/begun-here')).toMatchObject({ epoch: 1 });
    const status = JSON.parse((await cloud(['status', 'begun-here', '--json'])).stdout);
    expect(status).toMatchObject({ state: 'running', epoch: 1, epochs: 2, execution: { name: 'begun-here' } });
  });

  it('takes files to validate and to test on along, there and back, and holds it to its content', {
    timeout: 120_000,
  }, async () => {
    const cwd = await writeLanguageRun({ lengths: 1 }, { epochs: 1, engine: 'wasm' });
    const { store, bucket } = deployment!;
    const held = join(cwd, 'held.jsonl');
    await writeFile(held, (await readFile(join(cwd, 'texts.jsonl'), 'utf8')).split('\n').slice(-31).join('\n'));
    const tested = join(cwd, 'tested.jsonl');
    await writeFile(tested, (await readFile(join(cwd, 'texts.jsonl'), 'utf8')).split('\n').slice(0, 20).join('\n'));
    const set = (...settings: string[]) => settings.flatMap((setting) => ['--set', setting]);
    const files = ['dataset.validationPath=held.jsonl', 'dataset.test.path=tested.jsonl'];
    const given = set(...files, 'compute.target=cpu');
    expect(await runCli(['train', 'run.yaml', ...given], { cwd })).toMatchObject({ code: 0 });
    await writeFile(join(cwd, 'other.jsonl'), await readFile(join(cwd, 'texts.jsonl')));
    const outside = await cloud(['submit', '--run', 'texts', ...set('dataset.validationPath=held.jsonl')], { cwd });
    expect(outside.stderr).toContain('dataset.validationPath: held.jsonl: does not lie below validation/');

    const pushed = await cloud(['submit', '--run', 'texts', ...set('training.epochs=2')], { cwd });
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    const keys = await store.list('validation/');
    const key = keys.find((each) => /^validation\/[0-9a-f]{16}-held\.jsonl$/.test(each));
    const testKey = keys.find((each) => /^validation\/[0-9a-f]{16}-tested\.jsonl$/.test(each));
    expect(keys.toSorted()).toEqual([key, testKey].toSorted());
    const { config, dataset } = await readRunRecord(store, 'runs/texts');
    expect(otherFilesOf(config.dataset).validation).toContain(`s3://${bucket}/${key}?versionId=`);
    expect(otherFilesOf(config.dataset).test).toContain(`s3://${bucket}/${testKey}?versionId=`);
    expect(dataset.test).toMatchObject({ sha256: (await fingerprintFile(tested)).sha256 });
    expect(dataset.validation).toMatchObject({ sha256: (await fingerprintFile(held)).sha256 });
    await complete('runs/texts');
    expect((await readRunRecord(store, 'runs/texts')).dataset).toEqual(dataset);
    expect((await cloud(['stop', 'texts'])).code).toBe(0);
    expect(await cloud(['fetch', 'texts', 'back', '--all'], { cwd })).toMatchObject({ code: 0 });
    const measured = async () => JSON.parse(await readFile(join(cwd, 'back/texts/test.json'), 'utf8'));
    expect(await measured()).toMatchObject({ last: { epoch: 2 } });
    const more = await runCli(['resume', 'back/texts', ...set('training.epochs=3')], { cwd });
    expect(more).toMatchObject({ code: 0, stderr: '' });
    expect(await measured()).toMatchObject({ last: { epoch: 3 } });
    const [file] = await readdir(join(cwd, 'back/texts/inputs/validation'));
    await writeFile(join(cwd, 'back/texts/inputs/validation', file!), await readFile(join(cwd, 'other.jsonl')));
    const other = await runCli(['resume', 'back/texts', ...set('training.epochs=4')], { cwd });
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('the data set is not the one that the run began with');

    for (const validation of ['held.jsonl', `s3://${bucket}/${key}`]) {
      const sent = await cloud(['submit', 'run.yaml', ...given, ...set(`dataset.validationPath=${validation}`)], {
        cwd,
      });
      expect(sent).toMatchObject({ code: 0, stderr: expect.stringMatching(/^(note: .* too, so metrics .*\n)*$/) });
      const [, name] = /^run {7}(run-[0-9a-f]{12})/m.exec(sent.stdout)!;
      const asked = (await readRequest(store, `runs/${name}`)).config;
      expect(otherFilesOf(asked.dataset).validation).toContain(`s3://${bucket}/${key}?versionId=`);
      expect(otherFilesOf(asked.dataset).test).toContain(`s3://${bucket}/${testKey}?versionId=`);
    }
    const elsewhere = await cloud(['submit', 'run.yaml', ...set('dataset.validationPath=s3://other/held.jsonl')], {
      cwd,
    });
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain('s3://other/held.jsonl does not lie below validation/ in the bucket');
  });

  it('says that it only stops watching on Ctrl-C', async () => {
    const { child, finished } = startCli(['cloud', 'watch', 'begun-here', '--json'], { env });
    await new Promise<void>((resolve) => child.stdout!.once('data', () => resolve()));
    child.kill('SIGINT');
    const { code, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toContain('no longer watching; the run goes on');
    expect(JSON.parse((await cloud(['status', 'begun-here', '--json'])).stdout).state).toBe('running');
  });

  describe('deploy', () => {
    const commandsIn = async (docker: string) => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, 'docker'), docker, { mode: 0o755 });
      return { PATH: `${folder}:${dirname(process.execPath)}:/usr/bin:/bin` };
    };

    it('hands its arguments to cdk deploy, once Docker and credentials are there', async () => {
      const args = ['deploy', '--', '--version'];
      // Docker and cdk write to where the process of the command writes.
      const deployed = await runCliProcess(['cloud', ...args], {
        env: { ...env, ...(await commandsIn('#!/bin/sh\n')) },
      });
      expect(deployed.code).toBe(0);
      expect(deployed.stdout).toContain(packageJson.devDependencies['aws-cdk']);
      expect(deployed.stderr).toContain('deploying to account 123456789012');
      const anonymous = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
      const refused = await cloud(args, { env: { ...(await commandsIn('#!/bin/sh\n')), ...anonymous } });
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('there are no credentials');
    });

    it('says that Docker is missing or does not run', async () => {
      const missing = await cloud(['deploy'], { env: { PATH: '/nowhere' } });
      expect(missing.code).toBe(2);
      expect(missing.stderr).toContain('docker: is not installed');
      const broken = '#!/bin/sh\necho Cannot connect to the Docker daemon >&2\nexit 1\n';
      const stopped = await cloud(['deploy'], { env: await commandsIn(broken) });
      expect(stopped.code).toBe(2);
      expect(stopped.stderr).toContain('docker: does not run (Cannot connect to the Docker daemon)');
    });
  });

  describe('says what to mend when', () => {
    it('there is no such run', async () => {
      const { code, stderr } = await cloud(['status', 'begun-heer']);
      expect(code).toBe(2);
      expect(stderr).toContain('did you mean "begun-here"?');
    });

    it('what is given can not be the name of a run or a stack', async () => {
      for (const name of ['..', '.', '']) {
        const { code, stderr } = await cloud(['status', name]);
        expect(code).toBe(2);
        expect(stderr).toContain('there is no such run');
      }
      const { code, stderr } = await cloud(['status'], { env: { TEMPBALANCE_STACK: '' } });
      expect(code).toBe(2);
      expect(stderr).toContain("an empty name: can't be the name of a stack");
    });

    it('there is no such stack', async () => {
      const { code, stderr } = await cloud(['status', '--stack', 'another']);
      expect(code).toBe(2);
      expect(stderr).toContain('another: there is no stack of this name in us-east-1');
      expect(stderr).toContain('npx tempbalance cloud deploy');
    });

    it('the stack is of something else', async () => {
      await createStack(deployment!, { name: 'else', Outputs: { Bucket: { Value: 'a-bucket' } } });
      const { code, stderr } = await cloud(['status'], { env: { TEMPBALANCE_STACK: 'else' } });
      expect(code).toBe(2);
      expect(stderr).toContain(
        'else: the stack has no outputs StateMachine, Launch, Topic (its status: CREATE_COMPLETE)',
      );
    });

    it('there are no credentials', async () => {
      const { code, stderr } = await cloud(['status'], { env: { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' } });
      expect(code).toBe(2);
      expect(stderr).toContain('there are no credentials');
      expect(stderr).toContain('aws sso login');
      expect(stderr).not.toContain('unexpected');
    });

    it('no region is set', async () => {
      const { code, stderr } = await cloud(['status'], { env: { AWS_REGION: '' } });
      expect(code).toBe(2);
      expect(stderr).toContain('no region is set');
    });
  });
});

/** Weights for the small model, exported by a run of another name. */
async function pretrained(folder: string): Promise<string> {
  const file = await writeRunFile(folder, { training: { epochs: 1 }, output: { name: 'first' } }, 'first.yaml');
  expect((await runCli(['train', file], { cwd: folder })).code).toBe(0);
  const path = join(folder, 'weights.safetensors');
  await writeFile(path, await readFile(join(folder, 'runs', 'first', 'model', 'model.safetensors')));
  return path;
}
