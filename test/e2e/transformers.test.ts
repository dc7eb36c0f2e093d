/** What is exported, in the Python libraries that it is made for, where they are installed. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTokenizer } from '../../shared/datasets/text/tokenizer.ts';
import { runCli } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';

const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
const wanted =
  "import importlib.util as u; exit(any(u.find_spec(n) is None for n in ('torch', 'transformers', 'peft')))";
const isThere = spawnSync(python, ['-c', wanted]).status === 0;

interface Read {
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
  readonly probabilities: readonly Readonly<Record<string, number>>[];
}

function readInPython(question: Record<string, unknown>): Read {
  const { status, stdout, stderr } = spawnSync(python, ['test/support/transformers_reads.py'], {
    input: JSON.stringify(question),
    encoding: 'utf8',
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout);
}

describe.skipIf(!isThere)('an export', () => {
  it.each([
    ['of a whole model', {}, [], {}],
    ['of an adapter', { lora: { rank: 4, targets: 'all-linear' } }, [], { base: 'bert' }],
    ['of an adapter, merged', { lora: { rank: 4, targets: 'all-linear' } }, ['--merge'], {}],
    ['of a model that pools by mean', { pooling: 'mean' }, [], { ownClass: true }],
  ] as const)(
    '%s gives the probabilities of predict in transformers, and its tokenizer the same tokens',
    async (_, model, options, { base, ownClass }: { base?: string; ownClass?: boolean }) => {
      const cwd = await writeLanguageRun({ ...model, maxTokens: 12 }, { learningRate: 0.005 });
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await runCli(args, { cwd });
        expect({ code, stderr }).toMatchObject({ code: 0 });
        return stdout;
      };
      await run('train', 'run.yaml');
      await run('export', 'texts', 'out', ...options);
      const lines = (await readFile(join(cwd, 'texts.jsonl'), 'utf8')).trim().split('\n').slice(0, 40);
      const texts = lines.map((line) => JSON.parse(line).text as string);
      const predicted = (await run('predict', 'texts', 'texts.jsonl')).trim().split('\n').slice(0, 40);

      const read = readInPython({
        folder: join(cwd, 'out'),
        ...(base === undefined ? {} : { base: join(cwd, base) }),
        ...(ownClass ? { ownClass } : {}),
        texts,
        maxTokens: 12,
        tokenizer: join(cwd, 'tokenizer'),
      });
      for (const [at, line] of predicted.entries()) {
        const ours = JSON.parse(line).probabilities as Record<string, number>;
        expect(Object.keys(read.probabilities[at]!)).toEqual(Object.keys(ours));
        for (const [label, value] of Object.entries(ours)) expect(read.probabilities[at]![label]).toBeCloseTo(value, 5);
      }
      for (const folder of ['out', 'tokenizer']) {
        const tokenizer = await openTokenizer(join(cwd, folder));
        const { ids } = await tokenizer.encode(texts, undefined, { maxLength: 12 });
        expect(ids.map((each) => [...each])).toEqual(read.ids);
      }
      expect(read.decoded).toEqual(texts.map((text) => text.replaceAll(' ,', ',')));
    },
  );
});
