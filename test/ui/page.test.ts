/** The page in a browser; skipped where this machine has no Chromium (TEMPBALANCE_CHROMIUM names one elsewhere). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { folderSource } from '../../shared/ui/folder-source.ts';
import { type ServedPage, servePage } from '../../shared/ui/serve.ts';
import { chromiumPath, startChromium } from '../support/chromium.ts';
import { fakeConfig } from '../support/fake-run.ts';
import { type PageFolder, pageFolder } from '../support/page-folder.ts';

const many = Array.from({ length: 103 }, (_, index) => `many/run-${String(index).padStart(3, '0')}`);

describe.skipIf(!chromiumPath)('the page in Chromium', () => {
  let folder: PageFolder;
  let served: ServedPage;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = pageFolder(await mkdtemp(join(tmpdir(), 'tempbalance-page-')));
    await folder.train('sweep/plain', fakeConfig({ training: { epochs: 3, seed: 1 }, balance: 'off' }), {
      fields: false,
    });
    await folder.train('sweep/balanced', fakeConfig({ training: { epochs: 3, seed: 2 } }));
    await folder.train('live', fakeConfig({ training: { epochs: 4, seed: 3 } }), { stops: true });
    await folder.ask(many, fakeConfig({ training: { seed: 9 } }));
    await folder.compare();
    await folder.ask(['broken'], fakeConfig());
    await writeFile(join(folder.root, 'broken', 'request.json'), '{');
    served = await servePage(await folderSource(folder.root, { refreshMs: 200 }));
    browser = await startChromium();
    page = await (await browser.newContext({ viewport: { width: 1400, height: 900 } })).newPage();
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
    await rm(folder.root, { recursive: true, force: true });
  });
  beforeEach(async () => {
    complaints.length = 0;
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.goto('about:blank');
  });

  const open = async (hash: string) => {
    await page.goto(served.url + hash);
    await page.locator('main section').first().waitFor();
  };
  const runs = () => page.getByRole('table', { name: 'Runs' });
  const names = () => runs().locator('tbody th a').allTextContents();
  const choice = (name: string) => page.locator(`select[name=${name}]`);
  const status = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();

  it('lists runs and comparisons in pages, filters and sorts them', async () => {
    await open('');
    // The comparison's own runs are not among them.
    await status('107 of 117 runs');
    expect((await names()).length).toBe(100);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Page 2 of 2').waitFor();
    expect((await names()).length).toBe(7);

    await page.getByLabel('Name').fill('sweep');
    await status('2 of 117 runs');
    const head = (name: string) => runs().getByRole('columnheader', { name });
    await head('Seed').getByRole('button').click();
    expect(await head('Seed').getAttribute('aria-sort')).toBe('ascending');
    expect(await names()).toEqual(['plain', 'balanced']);
    await head('Seed').getByRole('button').click();
    expect(await head('Seed').getAttribute('aria-sort')).toBe('descending');
    expect(await names()).toEqual(['balanced', 'plain']);

    await choice('preset').selectOption('off');
    expect(await names()).toEqual(['plain']);
    await choice('preset').selectOption('');
    await page.getByLabel('Name').fill('');
    await choice('state').selectOption('completed');
    expect((await names()).sort()).toEqual(['balanced', 'plain']);
    await page.getByLabel('with 10 runs of comparisons').check();
    expect((await names()).length).toBe(12);
    await choice('seed').selectOption('101');
    expect((await names()).length).toBe(6);

    const comparison = page.getByRole('table', { name: 'Comparisons' }).locator('tbody tr');
    expect(await comparison.innerText()).toMatch(/fake\s+judged\s+10\/10/);
    expect(complaints).toEqual([]);
  });

  it('shows curves, alphas, rates, layers and fields of a run, and its report in a tab that may run nothing', async () => {
    await open('');
    await page.getByLabel('Name').fill('sweep');
    await page.getByRole('link', { name: 'balanced' }).click();
    await page.getByRole('heading', { level: 1, name: 'balanced' }).waitFor();
    await page.getByRole('img', { name: /^nRMSE, validation over epochs 0 to 3: nRMSE from \d/ }).waitFor();
    await page.getByRole('img', { name: /^Loss over epochs 1 to 3/ }).waitFor();
    await page.getByRole('img', { name: /^Alpha by layer and epoch: \d+ layers, epochs 0 to 3/ }).waitFor();
    await page.getByRole('img', { name: /^Factor by layer and epoch: \d+ layers, epochs 1 to 3/ }).waitFor();
    const layers = page.getByRole('table', { name: 'Layers' }).locator('tbody tr');
    expect(await layers.count()).toBeGreaterThan(3);
    await page
      .getByRole('img', { name: /c0, row 1\d, .*predicted/ })
      .first()
      .waitFor();
    await page.getByText('All settings').click();
    await page.getByText('family: fno1d').waitFor();

    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Report' }).click(),
    ]);
    await tab.getByRole('heading', { level: 1 }).waitFor();
    expect(await tab.evaluate('self.origin')).toBe('null');
    await tab.close();
    expect(complaints).toEqual([]);
  });

  it('draws the curves of chosen runs together', async () => {
    await open('');
    await page.getByLabel('Name').fill('sweep');
    await page.getByLabel('draw the curves of sweep/plain').check();
    await page.getByLabel('draw the curves of sweep/balanced').check();
    await page.getByRole('link', { name: 'Curves of 2 runs' }).click();
    await page
      .getByRole('img', { name: /^nRMSE, validation .*(plain|balanced) from .*; (plain|balanced) from/ })
      .waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows what a comparison found, its arms and runs', async () => {
    await open('#comparison=fake');
    await page.getByText('Take balanced: it helps').waitFor();
    await page.getByRole('img', { name: /plain from .*; balanced from/ }).waitFor();
    expect(await page.getByRole('table', { name: 'Runs of the comparison' }).locator('tbody tr').count()).toBe(10);
    await page.getByRole('link', { name: 'test-plain' }).first().click();
    await page.getByRole('img', { name: /^nRMSE, validation/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('follows a run that commits another epoch, in the list and on its own page', async () => {
    await open('');
    await page.getByLabel('Name').fill('live');
    await runs().getByText('stopped').waitFor();
    const release = await folder.hold('live');
    await runs().getByText('running').waitFor();
    await page.getByText('1 running, followed live').waitFor();
    await page.getByRole('link', { name: 'live' }).click();
    const curve = (last: number) =>
      page.getByRole('img', { name: new RegExp(`^nRMSE, validation over epochs 0 to ${last}:`) });
    await page.getByText('epoch 0/4').waitFor();
    const training = fakeConfig({ training: { epochs: 4, seed: 3 } });
    await folder.train('live', training, { stops: true });
    await page.getByText('epoch 1/4').waitFor();
    await curve(1).waitFor();
    await folder.train('live', training, { stops: true });
    await curve(2).waitFor();
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('2');
    await release();
    await page.locator('.facts-line').getByText('stopped').waitFor();
    expect(complaints).toEqual([]);
  });

  it('tells a crashed run and a crashed comparison from a stopped one', async () => {
    await folder.ask(['dead'], fakeConfig());
    await folder.crash('dead');
    await open('');
    await choice('state').locator('option[value=crashed]').waitFor({ state: 'attached' });
    await choice('state').selectOption('crashed');
    expect(await names()).toEqual(['dead']);
    await page.getByRole('link', { name: 'dead' }).click();
    await page.locator('.facts-line').getByText('crashed').waitFor();
    await open('#curves=dead,live');
    expect(await page.locator('.chosen .state').allTextContents()).toEqual(['crashed', 'stopped']);

    const release = await folder.interrupt('test-plain-0.003-2');
    await open('#comparison=fake');
    await page.locator('.facts-line').getByText('crashed').waitFor();
    const child = page
      .getByRole('table', { name: 'Runs of the comparison' })
      .getByRole('row', { name: 'test-plain-0.003-2' });
    await child.getByText('crashed').waitFor();
    await release();
    await page.locator('.facts-line').getByText('judged').waitFor();
    await rm(join(folder.root, 'dead'), { recursive: true });
    expect(complaints).toEqual([]);
  });

  it('leaves the streams of tabs that are out of view to others, and is current as soon as it is seen again', async () => {
    const hide = (tab: Page, isHidden: boolean) =>
      tab.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} }); document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const tabs: Page[] = [];
    // A browser has six connections to a server.
    for (let count = 0; count < 7; count++) {
      const tab = await page.context().newPage();
      await tab.goto(`${served.url}#run=${count === 0 ? 'live' : 'gone'}`);
      await tab.locator(count === 0 ? '.facts-line' : 'main code').waitFor();
      await hide(tab, true);
      tabs.push(tab);
    }
    const first = tabs[0]!;
    const release = await folder.hold('live');
    await open('#run=live');
    await page.locator('.facts-line').getByText('running').waitFor();
    expect(await first.locator('.facts-line .state').textContent()).toBe('stopped');
    await hide(first, false);
    await first.locator('.facts-line').getByText('running').waitFor();
    await release();
    for (const tab of tabs) await tab.close();
    expect(complaints).toEqual([]);
  });

  const focused = () =>
    page.evaluate<string>(
      "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim() || document.activeElement.getAttribute('name') || ''",
    );
  const tabTo = async (wanted: string) => {
    for (let pressed = 0; pressed < 60; pressed++) {
      await page.keyboard.press('Tab');
      if ((await focused()).startsWith(wanted)) return;
    }
    throw new Error(`Tab does not reach ${wanted}`);
  };

  it('is walked through by keyboard', async () => {
    await open('');
    await tabTo('name');
    await page.keyboard.type('sweep');
    await status('2 of');
    await tabTo('Seed');
    // The filter comes before the column of that name.
    await tabTo('Seed');
    await page.keyboard.press('Enter');
    await expect.poll(names).toEqual(['plain', 'balanced']);
    await tabTo('draw the curves of sweep/plain');
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Choose none' }).waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await tabTo('balanced');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'balanced' }).waitFor();
    await expect.poll(focused).toBe('balanced');
    await tabTo('Numbers by epoch');
    await page.keyboard.press('Enter');
    await page.getByRole('table', { name: 'Numbers by epoch' }).waitFor();
    const readout = page.locator('.heat .readout').first();
    await tabTo('Alpha by layer and epoch');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => readout.textContent()).toMatch(/^\S+, epoch 3: \d/);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => readout.textContent()).toMatch(/^\S+, epoch 2: \d/);
    await page.keyboard.press('Escape');
    await expect.poll(() => readout.textContent()).toMatch(/^Point at a cell/);
    await page.evaluate("document.querySelector('h1').focus()");
    await page.keyboard.press('Shift+Tab');
    await expect.poll(focused).toMatch(/All runs/);
    await page.keyboard.press('Enter');
    // The list is as it was left.
    await status('2 of');
    await tabTo('name');
    await page.keyboard.press('Escape');
    await status('107 of');
    await page.getByRole('button', { name: 'Choose none' }).click();
    expect(complaints).toEqual([]);
  });

  const looks = [1400, 800, 390].flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
  );
  const pages = {
    'the list': '',
    'a run with fields': '#run=sweep%2Fbalanced',
    'a run without balancing and fields': '#run=sweep%2Fplain',
    'a run that has not begun': '#run=many%2Frun-001',
    'a damaged run': '#run=broken',
    'a run that is gone': '#run=gone',
    'a comparison': '#comparison=fake',
    'curves of runs': '#curves=sweep%2Fbalanced,sweep%2Fplain',
  };

  /** Presses Tab through the whole page: each stop is in view and outlined, and comes after the one before it. */
  async function faultsOfStops(): Promise<string[]> {
    const faults: string[] = [];
    await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
    for (let stops = 0; stops < 150; stops++) {
      await page.keyboard.press('Tab');
      const fault = await page.evaluate<string | null>(`(() => {
        const at = document.activeElement;
        window.stops ??= [];
        if (at === document.body || at === window.stops[0]) return null;
        const { top, bottom, left, right, width } = at.getBoundingClientRect();
        const isInView = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth && width > 0;
        const isOutlined = getComputedStyle(at).outlineStyle !== 'none';
        const last = window.stops.at(-1);
        const isAfter = !last || last.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING;
        window.stops.push(at);
        return isInView && isOutlined && isAfter ? '' : at.outerHTML.slice(0, 100);
      })()`);
      if (fault === null) break;
      if (fault !== '') faults.push(fault);
    }
    await page.evaluate('window.stops = undefined');
    return faults;
  }

  it.each(Object.entries(pages))(
    '%s has no fault that axe finds, in any look, and can be tabbed through',
    async (name, hash) => {
      await (hash.includes('gone') || hash.includes('broken') ? page.goto(served.url + hash) : open(hash));
      if (hash === '') await page.getByLabel('Name').fill('run-00');
      if (hash.includes('balanced')) await page.locator('figure').first().waitFor();
      if (hash.startsWith('#c')) await page.locator('svg.lines').first().waitFor();
      if (name === 'a run with fields') await page.locator('.fields figure').first().waitFor();
      if (hash.includes('broken')) await page.getByRole('alert').waitFor();
      if (hash.includes('gone')) await page.getByText('There is no run').waitFor();
      await expectNoFaults();
      const isRefused = (text: string) => /the server responded with a status of (404|502)/.test(text);
      expect(complaints.filter((text) => !isRefused(text))).toEqual([]);
    },
  );

  it.each(['sweep/balanced', 'fake'])(
    'opens a report of %s without a fault that axe finds, in any look',
    async (id) => {
      const report = await fetch(`${served.url}report?id=${encodeURIComponent(id)}`);
      // As it is served, it runs no script: not even that of axe.
      await page.setContent(await report.text());
      await page.locator('main section').first().waitFor();
      await expectNoFaults();
      expect(complaints).toEqual([]);
    },
  );

  it('tells of an empty folder, without a fault that axe finds', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'tempbalance-empty-'));
    const other = await servePage(await folderSource(empty));
    await page.goto(other.url);
    await page.getByText('There are no runs yet. One appears here as soon as it begins.').waitFor();
    await expectNoFaults();
    await page.goto('about:blank');
    await other.close();
    await rm(empty, { recursive: true });
    expect(complaints).toEqual([]);
  });

  /** In every look, axe finds nothing (dark differs in colours alone) and nothing is wider than the page; in one of each width Tab goes through all of it. */
  async function expectNoFaults(): Promise<void> {
    await page.evaluate(axe.source);
    const backgrounds = new Set<string>();
    for (const { width, colorScheme } of looks) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate<axe.AxeResults>(
        `axe.run({ resultTypes: ['violations'] ${colorScheme === 'dark' ? ", runOnly: ['color-contrast']" : ''} })`,
      );
      const found = {
        violations: violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
        beyond: await page.evaluate('document.documentElement.scrollWidth - innerWidth'),
        stops: colorScheme === 'dark' ? await faultsOfStops() : [],
      };
      expect({ width, colorScheme, ...found }).toEqual({ width, colorScheme, violations: [], beyond: 0, stops: [] });
      backgrounds.add(`${colorScheme} ${await page.evaluate('getComputedStyle(document.body).backgroundColor')}`);
    }
    expect([...backgrounds].sort()).toEqual(['dark rgb(20, 23, 26)', 'light rgb(255, 255, 255)']);
  }
});
