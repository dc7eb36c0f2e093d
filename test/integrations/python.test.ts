/** The Python module for trainers of one's own, with PyTorch and transformers; skipped where Python has no PyTorch. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/small-run.ts';

const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
const has = (module: string) =>
  spawnSync(python, ['-c', `import importlib.util as u; exit(u.find_spec('${module}') is None)`]).status === 0;
const hasTorch = has('torch');
const hasTransformers = hasTorch && has('transformers');
const hasPeft = hasTransformers && has('peft');

interface Facts {
  readonly everyParameterOnce: boolean;
  readonly decays: Readonly<Record<string, number>>;
  readonly factors: Readonly<Record<string, number>>;
  readonly rates: Readonly<Record<string, number>>;
  readonly schedules: Readonly<Record<string, { readonly worst: number; readonly moved: boolean }>>;
  readonly wrapped: readonly boolean[];
  readonly said: string;
  readonly unnamed: readonly number[];
  readonly refused: readonly string[];
  readonly file: boolean;
  readonly lightning: boolean;
  readonly bert: { readonly known: boolean; readonly kindFrom: string; readonly notes: readonly string[] };
  readonly peft: { readonly said: string; readonly factors: Readonly<Record<string, number>> };
  readonly trainer: readonly (readonly { readonly factor: number; readonly lr: number }[])[];
}

const environment = { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1', TEMPBALANCE_SOLVER: '' };
const command = [process.execPath, resolve('cli/main.ts')];

function factsOfTrainer(): Facts {
  const { status, stdout, stderr } = spawnSync(python, ['test/support/own_trainer.py'], {
    input: JSON.stringify({ command, transformers: hasTransformers, peft: hasPeft }),
    encoding: 'utf8',
    env: environment,
  });
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(/^FACTS (.*)$/m.exec(stdout)![1]!);
}

describe.skipIf(!hasTorch)('integrations/python/tempbalance.py', () => {
  const facts = hasTorch ? factsOfTrainer() : undefined!;

  it('makes groups that have every parameter once, with its factor; biases and norms do not decay', () => {
    expect(facts.everyParameterOnce).toBe(true);
    expect(Object.keys(facts.rates)).toEqual(Object.keys(facts.factors));
    for (const [name, rate] of Object.entries(facts.rates)) expect(rate).toBeCloseTo(facts.factors[name]!, 12);
    expect(new Set(Object.values(facts.factors)).size).toBeGreaterThan(2);
    expect(facts.decays).toMatchObject({
      'tok_embeddings.weight': 0.01,
      'layers.0.lin.weight': 0.01,
      'layers.0.lin.bias': 0,
      'layers.0.norm.weight': 0,
    });
  });

  it('multiplies what each LR scheduler does, before and after the rates change', () => {
    expect(Object.keys(facts.schedules)).toEqual(['lambda', 'step', 'cosine', 'oneCycle', 'sequential']);
    for (const [name, { worst, moved }] of Object.entries(facts.schedules)) {
      expect(moved, name).toBe(true);
      expect(worst, name).toBeLessThan(1e-9);
    }
  });

  it('is of 60 lines, none longer than 120 characters', async () => {
    const lines = (await readFile('integrations/python/tempbalance.py', 'utf8')).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(60);
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });

  it('reads a file of rates, finds names behind prefixes, and says once which it does not find', () => {
    expect(facts.file).toBe(true);
    expect(facts.wrapped).toEqual([true, true]);
    expect(facts.said.match(/head.*: not in the rates, so at the base rate/g)).toEqual([
      'head.weight, head.bias: not in the rates, so at the base rate',
    ]);
    expect(facts.unnamed).toEqual([1, 1]);
  });

  it('hands on what the command says is wrong', () => {
    expect(facts.refused).toEqual([
      expect.stringContaining("has no parameter of the trainer's model, such as weight"),
      expect.stringContaining('rates.json: holds rates that were made already, so set would change nothing'),
      expect.stringContaining('error: integrations:'),
      expect.stringContaining('the optimizer has other groups'),
    ]);
  });

  it('sets rates by a callback of Lightning', () => {
    expect(facts.lightning).toBe(true);
  });

  it.skipIf(!hasTransformers)(
    'sets rates between two epochs of a transformers.Trainer, under its linear schedule',
    () => {
      expect(facts.bert).toEqual({ known: true, kindFrom: 'config.json: bert', notes: [] });
      expect(facts.trainer).toHaveLength(8);
      facts.trainer.forEach((groups, step) => {
        for (const { factor, lr } of groups) expect(lr).toBeCloseTo(0.05 * factor * (1 - (step + 1) / 8), 12);
      });
      const factorsAt = (step: number) => facts.trainer[step]!.map(({ factor }) => factor);
      expect(factorsAt(0)).toEqual(factorsAt(3));
      expect(factorsAt(4)).not.toEqual(factorsAt(3));
      expect(factorsAt(7)).toEqual(factorsAt(4));
    },
  );

  it.skipIf(!hasPeft)(
    'gives the factors of an adapter of PEFT the rate of their layer, and takes nothing that is frozen',
    () => {
      const { said, factors } = facts.peft;
      expect(said).toBe('');
      const names = Object.keys(factors);
      expect(names.filter((name) => name.includes('lora_'))).toHaveLength(8);
      expect(names.every((name) => /lora_|classifier/.test(name))).toBe(true);
      const layer = 'base_model.model.bert.encoder.layer.1.attention.self.query';
      expect(factors[`${layer}.lora_A.default.weight`]).toBe(factors[`${layer}.lora_B.default.weight`]);
      expect(new Set(Object.values(factors)).size).toBeGreaterThan(2);
    },
  );
});

/** Numbers of text, so that those of other versions of PyTorch may differ. */
const form = (text: string) => text.replaceAll(/\d\.\d+(e[-+]\d+)?/g, '#').trim();

describe.skipIf(!hasTransformers)('the code of docs/own-trainer.md', async () => {
  const page = await readFile('docs/own-trainer.md', 'utf8');
  const samples = [...page.matchAll(/```python\n(.*?)```\n\n[^\n]*\n\n((?: {4}[^\n]*\n)+)/gs)];

  it.each(samples.map(([, code, printed]) => ({ code: code!, printed: printed! })))(
    'prints lines of the form that the page has ($#)',
    async ({ code, printed }) => {
      const begins = `import tempbalance\ntempbalance.COMMAND = ${JSON.stringify(command)}\n`;
      const { status, stdout, stderr } = spawnSync(python, ['-c', begins + code], {
        cwd: await temporaryFolder(),
        encoding: 'utf8',
        env: { ...environment, PYTHONPATH: resolve('integrations/python') },
      });
      expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
      const lines = printed
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
      expect(stdout.trim().split('\n').slice(-lines.length).map(form)).toEqual(lines.map(form));
    },
  );

  it('is all tried', () => {
    expect(samples).toHaveLength(page.split('```python').length - 1);
  });
});
