/** What the GPU image's build holds the download of TensorFlow to. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/small-run.ts';

const script = 'functions/train-epoch/check-download.sh';
const check = (folder: string, wanted = '') => spawnSync('sh', [script, folder, wanted], { encoding: 'utf8' });

async function downloaded(binding: string): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'deps', 'lib'), { recursive: true });
  await mkdir(join(folder, 'lib', 'napi v8'), { recursive: true });
  await writeFile(join(folder, 'deps', 'lib', 'libtensorflow.so.2'), 'library');
  await writeFile(join(folder, 'lib', 'napi v8', 'tfjs_binding.node'), binding);
  await writeFile(join(folder, 'package.json'), '{}');
  return folder;
}

it('a download is told by one digest of all its files, and refused when that is another than the one that is wanted', async () => {
  const [folder, same, other] = await Promise.all(['binding', 'binding', 'another'].map(downloaded));
  const first = check(folder!);
  expect(first.status).toBe(0);
  const digest = /digest ([0-9a-f]{64})\n$/.exec(first.stdout)?.[1];
  expect(digest).toBeDefined();
  expect(check(same!, digest).status).toBe(0);
  const refused = check(other!, digest);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(new RegExp(`what was downloaded has the digest [0-9a-f]{64}, and not ${digest}\n$`));
});

it('a package that has downloaded nothing is refused', async () => {
  const empty = check(await temporaryFolder());
  expect(empty.status).toBe(1);
  expect(empty.stderr).toContain('nothing was downloaded');
});
