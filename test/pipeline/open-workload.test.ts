import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseRunFile, resolvePaths } from '../../shared/config/parse-run-file.ts';
import { BrokenInputError } from '../../shared/core/errors.ts';
import { planWorkload } from '../../shared/pipeline/open-workload.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeDecoderFolder } from '../support/language-folder.ts';
import { smallRun, temporaryFolder } from '../support/small-run.ts';

const configOf = (dataset: object, more: object = {}) =>
  parseRunFile(
    stringify({
      ...smallRun,
      balance: 'off',
      dataset: { ...smallRun.dataset, ...dataset },
      ...more,
    }),
    'run.yaml',
  );
const plan = (dataset: object, more: object = {}) => planWorkload(configOf(dataset, more));

describe('rows of fields', () => {
  it('are on record, and those to validate on stay the same whatever `samples` is', async () => {
    for (const samples of [2, 8]) {
      const { data } = await plan({ samples, validation: { last: 3 }, test: { first: 4 } });
      expect(data).toMatchObject({
        trainingSamples: samples,
        trainingRows: `4-${3 + samples}`,
        validationSamples: 3,
        validationRows: '61-63',
        testRows: '0-3',
      });
    }
  });

  it('are held out of the samples where none are named', async () => {
    const { data } = await plan({ samples: 8 });
    expect(data).toMatchObject({ trainingSamples: 6, validationSamples: 2 });
  });

  it('of a validation file are all of it, and shared ones are told', async () => {
    const { data, warnings } = await plan({ samples: 8, validationPath: fixturePath('data', 'pde_1d.hdf5') });
    expect(data).toMatchObject({ trainingRows: '0-7', validationRows: '0-63' });
    expect(warnings).toContainEqual(expect.stringMatching(/^8 of 64 validation samples are in the training data too/));
  });

  it('count on over several files, whose paths count from the run file', async () => {
    const folder = await temporaryFolder();
    for (const name of ['a.hdf5', 'b.hdf5']) await copyFile(fixturePath('data', 'pde_1d.hdf5'), join(folder, name));
    const config = resolvePaths(
      configOf({ path: ['a.hdf5', 'b.hdf5'], samples: 'all', validation: { last: 64 } }),
      folder,
    );
    expect(config.dataset.path).toEqual([join(folder, 'a.hdf5'), join(folder, 'b.hdf5')]);
    const { data } = await planWorkload(config);
    expect(data).toMatchObject({ trainingRows: '0-63', validationRows: '64-127' });
  });
});

describe('fields that can not serve', () => {
  const path = (name: string) => fixturePath('data', name);

  it('are named: rows that were never written, and channels of zeros', async () => {
    const whole = { samples: 'all', subsample: {} };
    await expect(
      plan({ path: path('unwritten_rows.hdf5'), ...whole }, { training: { ...smallRun.training, validation: 6 } }),
    ).rejects.toThrow(/sample rows 5, 6 and 7/);
    const channels = ['density', 'Vx'];
    await expect(plan({ path: path('zero_channel.hdf5'), channels, ...whole })).rejects.toThrow(
      /channel Vx of every sample\n.*convergence\.metric: RMSE/,
    );
  });

  it('are the file itself where it claims what it does not hold, so that a deployment puts it aside', async () => {
    const claims = fixturePath('arrays', 'claims_823_GB.hdf5');
    const error = await plan({ path: claims, samples: 100 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BrokenInputError);
    expect((error as BrokenInputError).where).toMatch(claims);
    expect((error as BrokenInputError).message).toMatch(/claims 823\.\d GB/);
  });
});

it('rows that the template of a folder writes are on record as chats, completions are not', async () => {
  const folder = await temporaryFolder();
  await writeDecoderFolder(join(folder, 'model'), 'llama');
  await writeFile(
    join(folder, 'model/chat_template.jinja'),
    '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}',
  );
  const says = (role: string, content: string) => ({ role, content });
  const rows = {
    chats: { messages: [says('user', 'two and two'), says('assistant', 'four')] },
    asked: { instruction: 'two and two', output: 'four' },
    completed: { prompt: 'two and two are', completion: ' four' },
  };
  const dataOf = async (name: keyof typeof rows) => {
    await writeFile(join(folder, `${name}.jsonl`), `${JSON.stringify(rows[name])}\n`.repeat(6));
    const settings = {
      model: { family: 'huggingface', folder: 'model', task: 'causal-lm', maxTokens: 64 },
      dataset: { format: 'jsonl', path: `${name}.jsonl` },
    };
    return (await planWorkload(resolvePaths(parseRunFile(stringify(settings), 'run.yaml'), folder))).data;
  };
  expect(await dataOf('chats')).toMatchObject({ chatTemplate: true });
  expect(await dataOf('asked')).toMatchObject({ chatTemplate: true });
  expect(await dataOf('completed')).not.toHaveProperty('chatTemplate');
});
