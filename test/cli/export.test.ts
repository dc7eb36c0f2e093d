import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

it("writes the best epoch's model, or another's, with its card, and replaces only exports", async () => {
  const cwd = await writeLanguageRun();
  expect((await runCli(['train', 'run.yaml'], { cwd })).code).toBe(0);
  const {
    runs: [{ best }],
  } = JSON.parse((await runCli(['report', 'texts', '--json'], { cwd })).stdout);
  const { stdout, code } = await runCli(['export', 'texts', 'out'], { cwd });
  expect({ stdout, code }).toEqual({ stdout: `epoch ${best.epoch}, the best\nmodel   out\n`, code: 0 });
  const model = join(cwd, 'runs/texts/model');
  expect(await readdir(join(cwd, 'out'))).toEqual(await readdir(model));
  for (const name of await readdir(model)) {
    expect((await readFile(join(cwd, 'out', name))).equals(await readFile(join(model, name)))).toBe(true);
  }

  await writeFile(join(cwd, 'out/vocab.txt'), 'of another tokenizer');
  await writeFile(join(cwd, 'out/notes.txt'), 'kept');
  const other = best.epoch === 4 ? 3 : 4;
  expect((await runCli(['export', 'texts', 'out', '--epoch', String(other)], { cwd })).stdout).toContain(
    `epoch ${other}\n`,
  );
  expect(await readdir(join(cwd, 'out'))).toEqual([...(await readdir(model)), 'notes.txt'].toSorted());
  expect(await readFile(join(cwd, 'out/README.md'), 'utf8')).toContain(`The weights of epoch ${other}, which ended as`);
  const { attempt } = JSON.parse(await readFile(join(cwd, `runs/texts/epochs/000${other}/manifest.json`), 'utf8'));
  const committed = await readFile(join(cwd, `runs/texts/epochs/000${other}`, attempt, 'model.safetensors'));
  expect((await readFile(join(cwd, 'out/model.safetensors'))).equals(committed)).toBe(true);

  const base = await readFile(join(cwd, 'bert/model.safetensors'));
  const refused = await runCli(['export', 'texts', 'bert'], { cwd });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('something else in it than an export') });
  expect((await readFile(join(cwd, 'bert/model.safetensors'))).equals(base)).toBe(true);
  expect((await runCli(['export', 'texts', 'bert', '--force'], { cwd })).code).toBe(0);
  expect((await runCli(['predict', 'bert', 'texts.jsonl'], { cwd })).code).toBe(0);

  await rm(join(model, 'tokenizer.json'));
  const without = await runCli(['export', 'texts', 'new'], { cwd });
  expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('tokenizer.json: there is no such file') });
  await expect(readdir(join(cwd, 'new'))).rejects.toThrow('ENOENT');
});

it('writes the model of fields that a run has trained so far', async () => {
  const cwd = await temporaryFolder();
  expect((await runCli(['train', await writeRunFile(cwd, { training: { epochs: 2 } })])).code).toBe(0);
  await rm(join(cwd, 'runs/small/model'), { recursive: true });
  await rm(join(cwd, 'runs/small/outcome.json'));
  await mkdir(join(cwd, 'out'));
  expect((await runCli(['export', 'small', 'out'], { cwd })).code).toBe(0);
  const files = ['README.md', 'config.json', 'model.onnx', 'model.py', 'model.safetensors'];
  expect(await readdir(join(cwd, 'out'))).toEqual(files);
  const config = JSON.parse(await readFile(join(cwd, 'out/config.json'), 'utf8'));
  expect(config).toMatchObject({ channelNames: ['tensor'], window: 4, rolloutSteps: 3, times: { length: 7 } });
  expect(config.coordinates).toMatchObject([{ axis: 'x', points: 16, inFile: true, values: { length: 16 } }]);
  const text = await readFile(join(cwd, 'out/README.md'), 'utf8');
  expect(parse(text.split('---\n')[1]!).library_name).toBe('tempbalance');
  expect(text).toContain('- file: pde\\_1d.hdf5');
  expect(text).not.toMatch(new RegExp(`${cwd}|fixtures`));
  expect(text).toContain('the best so far, of a run that had not ended');
  expect(text).toContain('- coordinates: x: 16 from 0.0078125 to 0.945313, 0.0625 apart\n');
  expect(text).toContain('onnxruntime.InferenceSession("model.onnx")');
  const record = join(cwd, 'runs/small/run.json');
  const { dataset, ...others } = JSON.parse(await readFile(record, 'utf8'));
  await writeFile(record, JSON.stringify({ ...others, dataset: { ...dataset, coordinates: undefined } }));
  const earlier = await runCli(['export', 'small', 'out'], { cwd });
  expect(earlier).toMatchObject({ code: 0, stderr: expect.stringContaining('model.onnx is left out: the run has no') });
  expect(await readdir(join(cwd, 'out'))).toEqual(files.filter((name) => name !== 'model.onnx'));
  await writeFile(join(cwd, 'file'), '');
  const refused = await runCli(['export', 'small', 'file'], { cwd });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("file: can't be written (ENOTDIR)") });
  const gone = await runCli(['export', 'small', 'out', '--epoch', '7'], { cwd });
  expect(gone).toMatchObject({ code: 2, stderr: expect.stringContaining('has no epoch 7: the last is 2') });
});

it('names a damaged epoch that is not the last, and a command that exports an intact one', async () => {
  const cwd = await temporaryFolder();
  const runFile = await writeRunFile(cwd, { training: { epochs: 3 }, output: { keep: 3 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const epochs = join(cwd, 'runs', 'small', 'epochs');
  const { attempt } = JSON.parse(await readFile(join(epochs, '0002', 'manifest.json'), 'utf8'));
  await writeFile(join(epochs, '0002', attempt, 'model.safetensors'), 'garbage, longer than a header of eight bytes');
  const damaged = ['export', 'small', 'out', '--epoch', '2'];
  const { code, stderr } = await runCli(damaged, { cwd });
  expect(code).not.toBe(0);
  expect(stderr).toContain('resuming does not mend an epoch before the last');
  expect(stderr).toContain('It is intact in epoch 3, 1');
  const [, command] = /npx tempbalance (export .*)$/m.exec(stderr)!;
  expect(command).toBe(`export ${join(cwd, 'runs', 'small')} small-epoch-3 --epoch 3`);
  expect((await runCli(command!.split(' '), { cwd })).stdout).toContain('model   small-epoch-3');
  expect((await readdir(join(cwd, 'small-epoch-3'))).length).toBeGreaterThan(1);
  expect((await runCli(['resume', 'small'], { cwd })).code).toBe(0);
  expect((await runCli(damaged, { cwd })).stderr).toContain(command);
});
