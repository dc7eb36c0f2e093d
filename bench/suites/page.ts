/** The page of many runs: how fast the list is there, filtered and sorted, and what the server takes. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, chromium, type Page } from 'playwright-core';
import { runCli } from '../cli.ts';
import { benchFile } from '../peer.ts';
import { median, type Result, type Suite } from '../suite.ts';

const counts = [30, 300];
const repeats = 5;
const idleSeconds = 4;

const chromiumPath = process.env.TEMPBALANCE_CHROMIUM ?? '/usr/bin/chromium';

/** A finished run of the demo, short. @returns its folder */
async function trainOne(root: string): Promise<string> {
  const set = ['training.epochs=10', `output.folder=${root}`, 'output.name=trained'].flatMap((each) => ['--set', each]);
  await runCli('train', benchFile('../examples/burgers/burgers.yaml'), ...set);
  return join(root, 'trained');
}

/** The run under other names and seeds, without its weights: the page reads none. */
async function copyRuns(trained: string, root: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const copy = join(root, `sweep-${Math.floor(index / 50)}`, `run-${index}`);
    await cp(trained, copy, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
    for (const file of ['request.json', 'run.json']) {
      const { config, ...record } = JSON.parse(await readFile(join(copy, file), 'utf8'));
      const training = { ...config.training, seed: index % 10 };
      await writeFile(join(copy, file), JSON.stringify({ ...record, config: { ...config, training } }));
    }
  }
}

/** Processor seconds that a process of this system has used; 0 where the system does not tell. */
function cpuSeconds(pid: number): number {
  if (process.platform !== 'linux') return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const peakMiB = (pid: number): number =>
  process.platform === 'linux'
    ? Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
    : 0;

/** The command in a process of its own, and the address that it printed. */
async function serve(folder: string) {
  const child = spawn(process.execPath, [benchFile('../cli/main.ts'), 'ui', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text))));
  return { child, pid: child.pid!, url: /http:\S+/.exec(said)![0] };
}

/** Milliseconds until the server has sent the whole list. */
async function timeListing(url: string): Promise<number> {
  const started = performance.now();
  const { body } = await fetch(`${url}events`);
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; !/event: listing\ndata: .*\n\n/.test(text); ) text += (await reader.read()).value ?? '';
  const taken = performance.now() - started;
  await reader.cancel();
  return taken;
}

/** Milliseconds from something that a reader does to the frame that shows its effect. */
const timeFrame = (page: Page, act: string): Promise<number> =>
  page.evaluate<number>(`new Promise((resolve) => {
    const started = performance.now();
    ${act}
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - started)));
  })`);

async function several(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) times.push(await measure());
  return median(times);
}

async function measureInBrowser(browser: Browser, url: string): Promise<Readonly<Record<string, number>>> {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const rows = page.locator('table.rows tbody tr');
  const openMs = await several(async () => {
    await page.goto('about:blank');
    const started = performance.now();
    await page.goto(url);
    await rows.nth(20).waitFor();
    return performance.now() - started;
  });
  const type = (text: string) =>
    `const field = document.querySelector('input[type=search]'); field.value = '${text}'; field.dispatchEvent(new Event('input', { bubbles: true }));`;
  let typed = 0;
  const filterMs = await several(() => timeFrame(page, type(`run-${++typed % 2}`)));
  await timeFrame(page, type(''));
  const sortMs = await several(() => timeFrame(page, `document.querySelectorAll('.sort')[4].click();`));
  await page.close();
  return { openMs, filterMs, sortMs };
}

/** The list of so many runs, copies of one short run, in folders of 50. */
export const page: Suite = {
  name: 'page',
  async run() {
    const root = await mkdtemp(join(tmpdir(), 'tempbalance-bench-page-'));
    const browser = existsSync(chromiumPath)
      ? await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu'] })
      : undefined;
    const results: Result[] = [];
    try {
      const trained = await trainOne(join(root, 'one'));
      for (const count of counts) {
        const folder = join(root, String(count));
        await copyRuns(trained, folder, count);
        const { child, pid, url } = await serve(folder);
        const firstListMs = await timeListing(url);
        const listMs = await several(() => timeListing(url));
        const shown = browser ? await measureInBrowser(browser, url) : {};
        const events = await fetch(`${url}events`);
        await sleep(1000);
        const before = cpuSeconds(pid);
        await sleep(1000 * idleSeconds);
        const followCpu = (cpuSeconds(pid) - before) / idleSeconds;
        await events.body?.cancel();
        results.push({
          case: `${count} runs`,
          ...{ firstListMs, listMs, ...shown, cpuOfFollowing: followCpu, peakMiB: peakMiB(pid) },
        });
        child.kill('SIGINT');
        await rm(folder, { recursive: true });
      }
    } finally {
      await browser?.close();
      await rm(root, { recursive: true, force: true });
    }
    return results;
  },
};
