import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findPreset, presetNames } from '../../shared/schedules/presets/registry.ts';
import { runCli } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const jsonIn = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));
const sets = (settings: readonly string[]) => settings.flatMap((each) => ['--set', each]);

/** Commands on an operator or a BERT that trains in a second or two. */
const kinds = {
  FNO: {
    kind: 'fields',
    folder: async () => {
      const folder = await temporaryFolder();
      await writeRunFile(folder, {}, 'run.yaml');
      return folder;
    },
    run: 'small',
    // Layers of the small models have fewer eigenvalues than the published runs ask for.
    settings: ['balance.minEigenvalues=4'],
  },
  BERT: {
    kind: 'language',
    folder: () => writeLanguageRun({}, { epochs: 3 }),
    run: 'texts',
    settings: ['balance.minEigenvalues=4'],
  },
} as const;

describe.each(Object.entries(kinds))('a run of an %s', (_, { kind, folder: write, run, settings }) => {
  it.each(presetNames)(
    'is trained with the preset %s, which is on record with all that it stands for',
    async (preset) => {
      const cwd = await write();
      const options = sets([`balance.preset=${preset}`, ...settings]);
      const trained = await runCli(['train', 'run.yaml', ...options], { cwd });
      expect(trained.stderr).toBe('');
      expect(trained.code).toBe(0);
      expect(trained.stdout).toMatch(new RegExp(`preset ${preset}: .*; \\d+ of \\d+ layers are balanced, \\d+ %`));
      const { config } = await jsonIn(cwd, 'runs', run, 'run.json');
      expect(config.balance).toMatchObject({ preset, minEigenvalues: 4 });
      const { assignment, target } = findPreset(preset)!.settings(kind);
      expect(config.balance.assignment).toMatchObject(assignment as object);
      const manifest = await jsonIn(cwd, 'runs', run, 'epochs/0001/manifest.json');
      const { applied } = await jsonIn(cwd, 'runs', run, 'epochs/0001', manifest.attempt, 'metrics.json');
      const multiplier = target === 'weightDecay' ? 'weightDecayMultiplier' : 'learningRateMultiplier';
      expect(new Set(applied.map((group: Record<string, number>) => group[multiplier])).size).toBeGreaterThan(1);
      const report = await readFile(join(cwd, 'runs', run, 'report.html'), 'utf8');
      expect(report).toContain(`preset ${preset}: `);
      expect(await readFile(join(cwd, 'runs', run, 'model/README.md'), 'utf8')).toContain('layers are balanced');
    },
  );

  it('ends in the same bits when it is stopped in the middle of a ramp, and after the last change of its rates', async () => {
    const options = sets([
      'balance={preset: llr, every: {steps: 3}, until: {epoch: 2}, rampSteps: 5, minEigenvalues: 4}',
      'training.epochs=4',
      'output.keep=9',
    ]);
    const [whole, stopped] = [await write(), await write()];
    expect((await runCli(['train', 'run.yaml', ...options], { cwd: whole })).code).toBe(0);
    // The budget stops a run after every epoch; a resumed one goes on with the next.
    for (let epochs = 1; epochs <= 4; epochs++) {
      const command = epochs === 1 ? ['train', 'run.yaml', ...options] : ['resume', `runs/${run}`];
      const { code, stderr } = await runCli([...command, ...sets([`training.epochs=${Math.min(4, epochs)}`])], {
        cwd: stopped,
      });
      expect(code, stderr).toBe(0);
    }
    const weights = async (cwd: string) => {
      const { attempt } = await jsonIn(cwd, 'runs', run, 'epochs/0004/manifest.json');
      return readFile(join(cwd, 'runs', run, 'epochs/0004', attempt, 'model.safetensors'));
    };
    expect((await weights(stopped)).equals(await weights(whole))).toBe(true);
  });
});

describe('what contradicts itself ends with 2 and a sentence', () => {
  it.each([
    [['balance.preset=alphaDecay', 'balance.target=learningRate'], 'alphaDecay is defined by target: "weightDecay"'],
    [['balance=off', 'balance.control=shuffled'], 'balance is off, so balance.control has nothing to act on'],
    [['training.layerDecay=0.95'], 'training.layerDecay: needs a model of numbered blocks'],
    [['balance.every=3', 'balance.until.epoch=2'], 'comes before the first analysis of the training'],
    [['balance.every.steps=10', 'balance.until.share=0.5'], 'comes before the first analysis of the training'],
    [['balance.metric=farmsAlpha'], 'balance.farms: is needed for metric: farmsAlpha'],
  ])('%j', async (given, message) => {
    const cwd = await temporaryFolder();
    await writeRunFile(cwd, {}, 'run.yaml');
    for (const command of ['validate', 'plan', 'train']) {
      const { code, stderr, stdout } = await runCli([command, 'run.yaml', ...sets(given)], { cwd });
      expect({ command, code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
      expect(stderr + stdout).not.toContain('    at ');
    }
  });
});
