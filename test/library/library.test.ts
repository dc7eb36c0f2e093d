import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { analyse, compare, openStore, type RunFile, rates, runPipeline, UserError } from '../../index.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { runCli } from '../support/cli.ts';
import { smallRun, temporaryFolder } from '../support/small-run.ts';

const checkpoint = 'examples/burgers/pretrained.safetensors';
const run = promisify(execFile);

describe('analyse, rates', () => {
  it('give what the commands print as JSON', async () => {
    const { stdout } = await runCli(['analyze', checkpoint, '--json', '--layers', '*0', '--spectral-weights']);
    const analysed = await analyse(checkpoint, { layers: '*0', spectra: { spectralWeights: true } });
    expect(JSON.parse(JSON.stringify(analysed))).toEqual(JSON.parse(stdout));

    const options = ['--kind', 'fields', '--base-lr', '0.001', '--set', 'balance.assignment.s=0.5'];
    const printed = JSON.parse((await runCli(['rates', checkpoint, '--json', ...options])).stdout);
    const set = { 'balance.assignment.s': 0.5 };
    const given = await rates(checkpoint, { kind: 'fields', learningRate: 0.001, set });
    expect(JSON.parse(JSON.stringify(given))).toEqual(printed);
  });

  it('throw what a user can mend', async () => {
    await expect(analyse('nothing.safetensors')).rejects.toThrow(UserError);
    await expect(rates(checkpoint, { set: { 'balance.assignmnt.s': 1 } })).rejects.toThrow('did you mean');
    const wrong = [
      [() => rates(checkpoint, { learningRate: -1 }), 'learningRate: is too small (-1). It must be more than 0.'],
      [() => rates(checkpoint, { kind: 'field' as 'fields' }), 'did you mean "fields"?'],
      [() => analyse(checkpoint, { spectra: { fit: 'median' as never } }), 'spectra.fit: is text ("median")'],
      [() => analyse(checkpoint, { spectra: { spectralWeight: true } as never }), 'did you mean "spectralWeights"?'],
      [() => openStore(''), 'the address of the store is empty'],
      [() => runPipeline({} as RunFile), 'the run file has'],
    ] as const;
    for (const [call, message] of wrong) {
      const error = await (call() as Promise<unknown>).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error, message).toBeInstanceOf(UserError);
      expect(String(error)).toContain(message);
    }
  });
});

describe('runPipeline', () => {
  it('trains as the same settings in a run file do, and leaves a run that the command knows', async () => {
    const cwd = await temporaryFolder();
    const events: string[] = [];
    const output = { folder: join(cwd, 'runs'), name: 'mine' };
    const { name, folder, status, summary, store } = await runPipeline({ ...smallRun, output } as RunFile, {
      set: { 'training.epochs': 2 },
      onEvent: ({ type }) => events.push(type),
    });
    expect({ name, folder, status }).toEqual({ name: 'mine', folder: join(cwd, 'runs', 'mine'), status: 'done' });
    expect(summary).toMatchObject({ run: 'mine', epoch: 2, epochs: 2 });
    expect(events.filter((type) => type === 'epoch')).toHaveLength(3);
    const opened = await openStore(join(cwd, 'runs'));
    expect(await opened.list('mine/model/')).toEqual(await store.list('mine/model/'));

    await writeFile(join(cwd, 'run.yaml'), stringify({ ...smallRun, output: { ...output, name: 'same' } }));
    await runCli(['train', 'run.yaml', '--set', 'training.epochs=2'], { cwd });
    const weights = (of: string) => readFile(join(cwd, 'runs', of, 'model', 'model.safetensors'));
    expect(await weights('same')).toEqual(await weights('mine'));
    expect(JSON.parse((await runCli(['runs', '--json'], { cwd })).stdout)).toHaveLength(2);
  });

  it('ends after a commit when its signal is aborted', async () => {
    const stop = new AbortController();
    const output = { folder: join(await temporaryFolder(), 'runs'), name: 'stopped' };
    const { status, summary } = await runPipeline({ ...smallRun, output } as RunFile, {
      signal: stop.signal,
      onEvent: ({ type }) => type === 'epoch' && stop.abort(),
    });
    expect(status).toBe('interrupted');
    expect(summary.epoch).toBeLessThan(4);
  });

  it('names every setting that is wrong', async () => {
    const wrong = { ...smallRun, training: { epochs: -1, learninRate: 1 } } as unknown as RunFile;
    await expect(runPipeline(wrong)).rejects.toThrow(/training.epochs[\s\S]*did you mean "learningRate"/);
  });
});

it('compare does a comparison, and gives its result', async () => {
  const cwd = await temporaryFolder();
  const { output: _, ...own } = smallRun;
  const file = join(cwd, 'compare.yaml');
  const training = { ...own.training, epochs: 1 };
  const arms = { plain: { balance: 'off' }, balanced: { 'balance.minEigenvalues': 4 } };
  const dataset = { ...own.dataset, samples: 'all' };
  await writeFile(
    file,
    stringify({ run: { ...own, dataset, training }, test: { last: 4 }, sizes: [4], arms, seeds: { test: [1, 2] } }),
  );
  const { folder, result, status } = await compare(file, { parallel: 1 });
  expect({ folder, status }).toEqual({ folder: join(cwd, 'comparisons', 'compare'), status: 'done' });
  expect(result!.judgement.findings.map(({ arm }) => arm)).toEqual(['balanced']);
});

it('openStore takes a folder or a bucket', async () => {
  const store = await openStore(join(await temporaryFolder(), 'files'));
  await store.put('a/b', new Uint8Array([1, 2]));
  expect(await store.list('a/')).toEqual(['a/b']);
  expect((await openStore('s3://my-bucket/team/runs')).label).toBe('s3://my-bucket/team/runs');
  expect((await openStore('s3://my-bucket')).label).toBe('s3://my-bucket');
  await expect(openStore('s3://No_Bucket/x')).rejects.toThrow("can't be a bucket");
});

describe('examples/library', () => {
  /** In a clone the package's name means its sources by a condition of Node's. */
  const [condition] = Object.keys(packageJson.exports['.']);
  const example = async (name: string, ...args: string[]) =>
    (await run(process.execPath, [`--conditions=${condition}`, `examples/library/${name}.ts`, ...args])).stdout;

  it('analyse.ts prints alphas and rates', async () => {
    const lines = (await example('analyse')).trim().split('\n');
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(line).toMatch(/^\S+ (\d[\d.e-]*|not measured)$/);
  });

  it('train.ts trains, and lists what it left', async () => {
    const printed = await example('train', join(await temporaryFolder(), 'runs'));
    expect(printed).toMatch(/epoch 2: nRMSE 0\.\d+\ndone: best epoch \d, in .*from-the-library\n/);
    expect(printed).toContain('from-the-library/model/model.safetensors');
  });
});
