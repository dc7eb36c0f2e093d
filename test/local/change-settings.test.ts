import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { changeSettings } from '../../shared/local/change-settings.ts';
import { beginRun, newRun } from '../../shared/local/run-folder.ts';
import { readRequest } from '../../shared/pipeline/records.ts';
import { temporaryFolder } from '../support/small-run.ts';
import { refusalOf } from '../support/text.ts';

/** A run of a language model as it is asked for, with what `training` sets; and a way to set more. */
async function begun(files: readonly string[], training: object) {
  const root = await temporaryFolder();
  await mkdir(join(root, 'model'));
  for (const name of files) await writeFile(join(root, 'model', name), '{}');
  const source = join(root, 'run.yaml');
  const settings = {
    model: { family: 'huggingface', folder: 'model' },
    dataset: { format: 'jsonl', path: 'texts.jsonl' },
    training,
  };
  await writeFile(source, stringify(settings));
  const config = await loadRunFile(source);
  const folder = await newRun(config, { source, now: new Date() });
  await beginRun(folder, config, { source });
  const rate = async () => (await readRequest(folder.store, folder.run)).config.training.learningRate;
  const change = (...given: string[]) => changeSettings(folder, given.map(parseOverride), false);
  const rewrite = (training: object) => writeFile(source, stringify({ ...settings, training }));
  return { rate, change, rewrite };
}

it('a folder that holds an adapter gets the learning rate of adapters where none is set, another that of whole models', async () => {
  for (const [file, usual] of [
    ['adapter_config.json', 1e-3],
    ['config.json', 5e-5],
  ] as const) {
    const { rate, change } = await begun([file], {});
    expect(await rate()).toBe(usual);
    await change('training.learningRate=0.02');
    expect(await rate()).toBe(0.02);
    await change('training.learningRate=');
    expect(await rate()).toBe(usual);
  }
});

it('a rate that a run has on record stays, whatever the usual one is', async () => {
  for (const [file, usual] of [
    ['adapter_config.json', '0.001'],
    ['config.json', '0.00005'],
  ] as const) {
    const { rate, change, rewrite } = await begun([file], { learningRate: 0.004 });
    expect(await change('training.epochs=7')).toEqual([]);
    expect(await rate()).toBe(0.004);
    await rewrite({});
    expect(await change()).toEqual([
      expect.stringMatching(new RegExp(`the run's are kept .*\\n {2}training.learningRate: 0.004 -> ${usual}$`)),
    ]);
    expect(await rate()).toBe(0.004);
  }
});

it('what muon trains stays as it is, and so does whether weights are averaged; how either goes about it may change', async () => {
  const { change } = await begun(['config.json'], { optimizer: { name: 'muon' }, ema: {} });
  await expect(change('training.optimizer.exclude=[a]')).rejects.toThrow(
    'training.optimizer.exclude: ["lm_head"] -> ["a"]',
  );
  await expect(change('training.ema=')).rejects.toThrow('training.ema: {"decay":0.999,"warmUp":true} -> not set');
  await expect(change('training.optimizer.name=adamw')).rejects.toThrow('training.optimizer.name: "muon" -> "adamw"');
  expect(await change('training.ema.decay=0.9', 'training.optimizer.iterations=6')).toEqual([]);
});

it('what makes it another run is told as that, and not by what else does not go with it', async () => {
  const { change } = await begun(['config.json'], {});
  const refused = await refusalOf(change('model.task=masked-lm', 'model.folder=model'));
  expect(refused.message).toContain("these settings can't change in the middle of a run");
  expect(refused.message).toContain('model.task: "classification" -> "masked-lm"');
  expect(refused.message).not.toMatch(/convergence|request\.json|model\.folder/);
  // What is wrong by itself is told as it is.
  expect((await refusalOf(change('training.epochs=many'))).message).toContain('training.epochs');
  expect((await refusalOf(change('model.tsk=masked-lm'))).message).toContain('did you mean "task"');
});
