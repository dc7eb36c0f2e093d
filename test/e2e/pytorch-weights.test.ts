import { copyFile, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const weights = (name: string) => fixturePath('pytorch', name);
const jsonIn = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));
const sets = (settings: readonly string[]) => settings.flatMap((each) => ['--set', each]);

/** Trains for two epochs from these weights. */
async function train(name: string, settings: readonly string[] = []) {
  const cwd = await temporaryFolder();
  await writeRunFile(cwd, { training: { epochs: 2 }, model: { weights: weights(name) } });
  const { code, stdout, stderr } = await runCli(['train', 'small.yaml', ...sets(settings)], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const run = join(cwd, 'runs/small');
  return {
    run,
    model: await readFile(join(run, 'model/model.safetensors')),
    record: await jsonIn(run, 'run.json'),
    said: stdout + stderr,
  };
}

it('a checkpoint of PyTorch and its twin in safetensors train to the same bits', async () => {
  const twin = await train('fno1d.safetensors');
  for (const name of ['fno1d.pt', 'training.pt']) expect((await train(name)).model.equals(twin.model), name).toBe(true);
});

it('what of a checkpoint was taken is told, and stands in the record of the run', async () => {
  const { record, said } = await train('training.pt');
  const notes = ['the tensors under `model_state_dict` are taken', 'all begin with `module.`, which is left out'];
  for (const note of notes) {
    expect(said).toContain(note);
    expect(record.history).toContainEqual({ at: expect.any(String), what: expect.stringContaining(note) });
  }
});

it('a fresh head takes another window, and the record and the report say what was drawn', async () => {
  const { run, record, said } = await train('fno1d.pt', ['dataset.window=2', 'model.head=fresh']);
  expect(record.drawn).toEqual(['fc0', 'fc2']);
  expect(said).toContain('model.head: fresh, so fc0 and fc2 were drawn from the seed');
  expect(await readFile(join(run, 'report.html'), 'utf8')).toContain('fc0');
  const validated = await runCli(['validate', 'small.yaml', ...sets(['dataset.window=2', 'model.head=fresh'])], {
    cwd: join(run, '../..'),
  });
  expect(validated.stdout).toMatch(/drawn +fc0, fc2/);
});

it.each([
  ['command.pt', 'asks for posix.system, which is no tensor or plain container; nothing of it was run'],
  ['module.pt', 'torch.save(model.state_dict(), "model.pt")'],
  ['other-archive.pt', 'is a ZIP archive, but holds no data.pkl'],
  ['cut.pt', 'is a damaged ZIP archive'],
  ['two-models.pt', '`generator`, `critic`'],
])('%s is refused in words, by analyze and by a run file', async (name, message) => {
  const cwd = await temporaryFolder();
  const file = join(cwd, name);
  await copyFile(weights(name === 'cut.pt' ? 'fno1d.pt' : name), file);
  if (name === 'cut.pt') await truncate(file, 20_000);
  await writeRunFile(cwd, { model: { weights: file } });
  for (const args of [
    ['validate', 'small.yaml'],
    ['analyze', name],
  ]) {
    const { code, stderr } = await runCli(args, { cwd });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    expect(stderr).not.toMatch(/ at .*\.ts:/);
  }
});

it('a head can only be drawn anew in place of another', async () => {
  const cwd = await temporaryFolder();
  await writeRunFile(cwd);
  const { code, stderr } = await runCli(['validate', 'small.yaml', ...sets(['model.head=fresh'])], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain('model.head: fresh replaces layers of pre-trained weights, and there are none');
});
