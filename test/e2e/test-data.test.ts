import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';

const small = ['balance=off', 'training.engine=wasm', 'training.epochs=2', 'model.maxTokens=16'];
const options = (...settings: string[]) => [...small, ...settings].flatMap((setting) => ['--set', setting]);
const readTest = (folder: string, run: string) => readFile(join(folder, 'runs', run, 'test.json'), 'utf8');

/** Runs a command until it has printed a line like this, and kills it. */
async function killedAt(args: readonly string[], line: RegExp) {
  const { child, finished } = startCli(args);
  child.stdout!.on('data', (text: Buffer) => {
    if (line.test(text.toString())) child.kill('SIGKILL');
  });
  expect(await finished).toMatchObject({ signal: 'SIGKILL' });
}

describe('a run of texts with test data', () => {
  it('is measured on the same rows whether they are in a file or in the data file', { timeout: 60_000 }, async () => {
    const folder = await writeLanguageRun();
    const lines = (await readFile(join(folder, 'texts.jsonl'), 'utf8')).trim().split('\n');
    const [rest, last] = [lines.slice(0, -24), lines.slice(-24)];
    await writeFile(join(folder, 'rest.jsonl'), `${rest.join('\n')}\n`);
    await writeFile(join(folder, 'test.jsonl'), `${last.join('\n')}\n`);
    const runFile = join(folder, 'run.yaml');
    const trained = async (name: string, ...settings: string[]) => {
      const args = ['train', runFile, ...options(`output.name=${name}`, ...settings)];
      expect(await runCli(args)).toMatchObject({ code: 0 });
      return JSON.parse(await readTest(folder, name));
    };
    const fromEnd = await trained('last', 'dataset.test.last=24');
    expect(fromEnd).toMatchObject({
      version: 1,
      best: { metrics: { accuracy: expect.any(Number), loss: expect.any(Number) } },
      last: { epoch: 2, classes: { classes: [{}, {}, {}] } },
    });
    const support = ({ classes }: { classes: { classes: { support: number }[] } }) =>
      classes.classes.map((each) => each.support);
    expect(support(fromEnd.last).reduce((sum, count) => sum + count, 0)).toBe(24);
    const labels = lines.map((line) => (JSON.parse(line) as { label: string }).label);
    expect(support((await trained('random', 'dataset.test.random=24')).last)).toEqual(
      [...new Set(labels)]
        .toSorted()
        .map((name) => Math.round((24 * labels.filter((label) => label === name).length) / labels.length)),
    );
    const fromFile = await trained('path', 'dataset.path=rest.jsonl', 'dataset.test.path=test.jsonl');
    expect(fromFile).toEqual(fromEnd);
    const { stdout } = await runCli(['validate', runFile, ...options('dataset.test.random=24')]);
    expect(stdout).toMatch(/\ntestSamples +24\n/);
  });

  it('gives the same bytes when it is killed before it is measured, and after', { timeout: 120_000 }, async () => {
    const folder = await writeLanguageRun();
    const train = (name: string) => [
      'train',
      join(folder, 'run.yaml'),
      '--json',
      ...options('training.epochs=1', `output.name=${name}`, 'dataset.test.random=24'),
    ];
    expect(await runCli(train('whole'))).toMatchObject({ code: 0 });
    const resume = ['resume', join(folder, 'runs', 'killed'), '--json'];
    await killedAt(train('killed'), /"type":"epoch".*"epoch":1\b/);
    await killedAt(resume, /"type":"tested"/);
    expect(await runCli(resume)).toMatchObject({ code: 0 });
    expect(await readTest(folder, 'killed')).toBe(await readTest(folder, 'whole'));
  });
});
