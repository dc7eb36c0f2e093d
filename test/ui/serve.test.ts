import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { folderSource } from '../../shared/ui/folder-source.ts';
import type { RunPage } from '../../shared/ui/pages.ts';
import { type ServedPage, servePage } from '../../shared/ui/serve.ts';
import { runCli, startCli } from '../support/cli.ts';
import { fakeConfig } from '../support/fake-run.ts';
import { pageFolder } from '../support/page-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

let root: string;
let served: ServedPage;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tempbalance-served-'));
  const folder = pageFolder(root);
  await folder.train('one', fakeConfig({ training: { epochs: 2 } }));
  await writeFile(join(root, 'secret.txt'), 'secret');
  served = await servePage(await folderSource(root));
});
afterAll(async () => {
  await served.close();
  await rm(root, { recursive: true, force: true });
});

const get = (path: string, init?: RequestInit) => fetch(new URL(path, served.url), init);

const runPage = async (path: string) => (await (await get(path)).json()) as RunPage;

/** A request that says of which host it is. */
const asHost = (host: string) =>
  new Promise<number>((resolve, reject) => {
    const { port, pathname } = new URL(served.url);
    request({ host: '127.0.0.1', port, path: pathname, headers: { Host: host } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });

it('answers on this machine alone, to its own names, and with the token', async () => {
  const { hostname, port, pathname } = new URL(served.url);
  expect(hostname).toBe('127.0.0.1');
  expect(pathname).toMatch(/^\/[0-9a-f]{32}\/$/);
  expect(await asHost(`localhost:${port}`)).toBe(200);
  expect(await asHost('evil.example')).toBe(421);
  expect(await asHost(`evil.example:${port}`)).toBe(421);
  expect((await get('/')).status).toBe(403);
  expect((await get(`/${'0'.repeat(32)}/api/run?id=one`)).status).toBe(403);
});

it('is for reading only', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    expect((await get('', { method })).status).toBe(405);
});

it('allows scripts of its own alone, and in reports none', async () => {
  const page = await get('');
  const policy = page.headers.get('content-security-policy')!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toMatch(/script-src 'self' 'sha256-[^']+';/);
  expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  const text = await page.text();
  expect(text.match(/https?:/g)).toBeNull();
  const report = await get('report?id=one');
  expect(report.headers.get('content-security-policy')).toMatch(/^sandbox allow-popups; default-src 'none';/);
  expect(await report.text()).toContain('<h1>one</h1>');
});

it('gives what is listed, and no other file', async () => {
  const page = await runPage('api/run?id=one');
  expect(page.epochs).toMatchObject([{ epoch: 0 }, { epoch: 1 }, { epoch: 2 }]);
  expect(page.epochs[2]!.alphas).toHaveLength(page.layers.length);
  const later = await runPage('api/run?id=one&after=1');
  expect(later.epochs).toMatchObject([{ epoch: 2 }]);
  for (const path of [
    'api/run?id=other',
    'api/run?id=..%2Fone',
    'api/comparison?id=one',
    'api/fields?id=',
    'app/..%2Fserve.ts',
    'app/tsconfig.json',
    'secret.txt',
    'one/request.json',
  ]) {
    expect((await get(path)).status, path).toBe(404);
  }
  for (const name of ['app.js', 'preact.mjs', 'hooks.mjs', 'htm.mjs', 'style.css'])
    expect((await get(`app/${name}`)).status, name).toBe(200);
});

it('refuses a port that is taken, and a folder beside --cloud', async () => {
  const { port } = new URL(served.url);
  const taken = await runCli(['ui', root, '--port', port]);
  expect(taken.code).toBe(2);
  expect(taken.stderr).toContain(`port ${port}: is taken by another program`);
  const both = await runCli(['ui', root, '--cloud']);
  expect(both.code).toBe(2);
  expect(both.stderr).toContain('takes a folder or --cloud, not both');
});

it('is served by the command until Ctrl-C', async () => {
  const { child, finished } = startCli(['ui', '.'], { cwd: await temporaryFolder() });
  const said = await new Promise<string>((resolve) => child.stdout!.once('data', (text) => resolve(String(text))));
  const [url] = /http:\S+/.exec(said)!;
  expect((await fetch(url)).status).toBe(200);
  // A browser that listens does not keep it from ending.
  const listening = await fetch(`${url}events`);
  child.kill('SIGINT');
  expect(await finished).toMatchObject({ code: 0, stderr: '' });
  await listening.body?.cancel().catch(() => undefined);
});
