/** Copies what `cloud deploy` builds functions and images from into the package, where it lies as in a clone: `node .ci/copy-sources.ts dist/sources`. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';

const sources = [
  '.dockerignore',
  'cdk.json',
  'functions',
  'package-lock.json',
  'package.json',
  'shared',
  'tsconfig.build.json',
  'tsconfig.json',
];

/** @param to the folder, which is made anew. */
export async function copySources(to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const name of sources) await cp(name, join(to, name), { recursive: true });
}

const [, script, to] = process.argv;
if (script?.endsWith('copy-sources.ts') && to) await copySources(to);
