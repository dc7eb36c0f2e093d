import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import { watchCheckpoints } from '../../shared/local/watch-checkpoints.ts';
import { openTensors } from '../../shared/tensors/open-tensors.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { temporaryFolder } from '../support/small-run.ts';

const bytes = encodeSafetensors(new Map([['a.weight', { shape: [2, 2], data: new Float32Array(4) }]]));

/** A watch of a folder, and what it says. */
async function watched(folder: string) {
  const said: string[] = [];
  const stop = new AbortController();
  let started = () => {};
  const start = new Promise<void>((resolve) => {
    started = resolve;
  });
  const name = (path: string) => path.slice(folder.length + 1);
  const ended = watchCheckpoints(folder, {
    signal: stop.signal,
    every: 10,
    patience: 4,
    onStart: (present) => {
      said.push(`${present} present`);
      started();
    },
    async onCheckpoint({ path, rates }) {
      await openTensors(path);
      said.push(`${name(path)} -> ${name(rates)}`);
    },
    onDamaged: ({ path }) => said.push(`${name(path)} damaged`),
  });
  await start;
  const until = async (text: string) => {
    while (!said.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const end = () => {
    stop.abort();
    return ended;
  };
  return { said, until, end };
}

it('hands on what appears, files and folders alike, and leaves what is there already and what is no weights', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'old.safetensors'), bytes);
  const { said, until, end } = await watched(folder);
  await writeFile(join(folder, 'epoch=1-step=20.safetensors'), bytes);
  await writeFile(join(folder, 'optimizer.pt'), 'state');
  await mkdir(join(folder, 'tmp-checkpoint-9'));
  await writeFile(join(folder, 'tmp-checkpoint-9', 'model.safetensors'), bytes);
  await mkdir(join(folder, 'checkpoint-10'));
  await writeFile(join(folder, 'checkpoint-10', 'model.safetensors'), bytes);
  await writeFile(join(folder, 'checkpoint-10', 'optimizer.pt'), 'state');
  await until('epoch=1-step=20.safetensors -> epoch=1-step=20.rates.json');
  await until('checkpoint-10 -> checkpoint-10/rates.json');
  await end();
  expect(said.toSorted()).toEqual(
    [
      '1 present',
      'checkpoint-10 -> checkpoint-10/rates.json',
      'epoch=1-step=20.safetensors -> epoch=1-step=20.rates.json',
    ].toSorted(),
  );
});

it('waits for what is half written, passes over what stays damaged, and looks again when it changes', async () => {
  const folder = await temporaryFolder();
  const { said, until, end } = await watched(folder);
  const path = join(folder, 'last.safetensors');
  await writeFile(path, bytes.subarray(0, 40));
  await until('last.safetensors damaged');
  await writeFile(path, bytes);
  await until('last.safetensors -> last.rates.json');
  await rm(path);
  await writeFile(join(folder, 'next.safetensors'), bytes);
  await until('next.safetensors -> next.rates.json');
  await end();
  expect(said).toEqual([
    '0 present',
    'last.safetensors damaged',
    'last.safetensors -> last.rates.json',
    'next.safetensors -> next.rates.json',
  ]);
});

it('refuses a folder that is not there', async () => {
  const folder = join(await temporaryFolder(), 'nowhere');
  const options = { onStart: () => {}, onCheckpoint: async () => {}, onDamaged: () => {} };
  await expect(watchCheckpoints(folder, { ...options, signal: new AbortController().signal })).rejects.toThrow(
    UserError,
  );
});
