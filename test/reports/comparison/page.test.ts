import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { stepsAfterComparison } from '../../../shared/reports/comparison/next-steps.ts';
import { renderComparisonPage } from '../../../shared/reports/comparison/page.ts';
import { madeUpComparison, nothingDone } from '../../support/comparison.ts';

type Made = ReturnType<typeof madeUpComparison>;
const parse = (made: Made) => parseHTML(renderComparisonPage(made)).document;
type Page = ReturnType<typeof parse>;
const sectionsOf = (document: Page) => [...document.querySelectorAll('section')].map(({ id }) => id);
const textOf = (document: Page, selector: string) => document.querySelector(selector)?.textContent ?? '';

const made = madeUpComparison({ noise: 0.01 });
const document = parse(made);

describe('the page of a comparison', () => {
  test('has all its sections in order, the verdict first', () => {
    expect(sectionsOf(document)).toEqual([
      'verdict',
      'arms',
      'seeds',
      'tuning',
      'curves',
      'sizes',
      'spread',
      'judged',
      'runs',
      'settings',
    ]);
    const verdict = document.querySelector('#verdict')!;
    expect(textOf(document, '#verdict .headline')).toBe(made.judgement.headline);
    expect(verdict.textContent).toContain('Settings to take: “published” with learningRate 0.003.');
    expect([...verdict.querySelectorAll('code')].map(({ textContent }) => textContent)).toEqual([
      'winner-8.yaml',
      'winner-16.yaml',
    ]);
    expect(verdict.querySelector('.callout')).toBeNull();
    expect(verdict.querySelectorAll('.findings li')).toHaveLength(made.judgement.findings.length);
  });

  test('says what to do next, by commands that name the files', () => {
    const next = (page: Made, place = '/data') =>
      stepsAfterComparison({ ...page, origin: { place, file: '/data/c.yaml', overrides: ['training.epochs=2'] } });
    const commands = (page: Made, place?: string) => next(page, place).map(({ command }) => command);
    const again = 'compare /data/c.yaml --set training.epochs=2';
    const train = 'npx tempbalance train /data/';
    expect(commands(made)[0]).toBe(`${train}${made.name}/winner-8.yaml`);
    const undecided = {
      ...made,
      judgement: {
        ...made.judgement,
        findings: made.judgement.findings.map((found) => ({ ...found, finding: 'undecided' as const, moreSeeds: 4 })),
      },
    };
    expect(next(undecided).at(-1)).toMatchObject({
      why: expect.stringContaining('add 4 seeds or more to seeds.test'),
      command: `npx tempbalance ${again}`,
    });
    expect(commands(undecided, 's3://bucket')).toEqual([
      `npx tempbalance cloud fetch ${made.name} && npx tempbalance train comparisons/${made.name}/winner-8.yaml`,
      `npx tempbalance cloud ${again}`,
    ]);
    expect(stepsAfterComparison(undecided)).toEqual([]);
    const page = parseHTML(renderComparisonPage(undecided, { place: '/data', file: 'c.yaml', overrides: [] })).document;
    expect(textOf(page, '#verdict')).toContain('npx tempbalance compare c.yaml');
  });

  test('of 7 arms, 10 test seeds, 5 values with 3 tuning seeds and 2 sizes is below 2 MB', () => {
    expect(made.results).toHaveLength(2 * 7 * (10 + 5 * 3));
    expect(Buffer.byteLength(renderComparisonPage(made))).toBeLessThan(2_000_000);
  });

  test('of 14 arms and fifty runs of 200 epochs is below 2 MB', () => {
    const arms = Array.from({ length: 14 }, (_, index) => `arm ${index}`);
    const many = madeUpComparison({ arms, sizes: [null], values: [], testSeeds: 4, epochs: 200 });
    expect(many.results.length).toBeGreaterThan(50);
    expect(Buffer.byteLength(renderComparisonPage(many))).toBeLessThan(2_000_000);
  });

  test('has no scripts and no outside resources, and shows what users named as it is', () => {
    const name = '<script>alert(1)</script>';
    const page = renderComparisonPage(
      madeUpComparison({ name, arms: ['plain <b>', 'a & "b"'], sizes: [null], values: ['<i>', 'x'], epochs: 2 }),
    );
    expect(page).not.toMatch(/src=|https?:(?!\/\/www\.w3\.org)/);
    const shown = parseHTML(page).document;
    expect(shown.querySelectorAll('script, b, i')).toHaveLength(0);
    expect(textOf(shown, 'h1')).toBe(name);
    expect(textOf(shown, '#arms tbody tr:nth-child(2) th').trim()).toBe('a & "b"');
  });

  test('draws an arm in one colour in every figure, which no other arm has', () => {
    const colours = new Map<string, Set<string>>();
    for (const title of document.querySelectorAll('svg[role=img] title')) {
      const arm = /^[^,: ]+/.exec(title.textContent!)![0];
      for (let element = title.parentElement; element && element.tagName !== 'svg'; element = element.parentElement) {
        for (const paint of [element.getAttribute('fill'), element.getAttribute('stroke')]) {
          const found = colours.get(arm) ?? new Set();
          if (paint?.startsWith('var(--series')) colours.set(arm, found.add(paint));
        }
      }
    }
    expect([...colours.keys()].toSorted()).toEqual(made.design.arms.map(({ name }) => name).toSorted());
    const each = [...colours.values()].map((found) => [...found]);
    expect(each.every(({ length }) => length === 1)).toBe(true);
    expect(new Set(each.flat()).size).toBe(made.design.arms.length);
  });

  test('names every figure for readers who can’t see it', () => {
    const labels = [...document.querySelectorAll('svg[role=img]')].map((svg) => svg.getAttribute('aria-label'));
    expect(labels).toContain('nrmse on test data of every test seed, by arm, 8 training rows');
    expect(labels).toContain('nrmse of the tuning runs over learningRate, by arm, 16 training rows');
    expect(labels).toContain('nrmse on test data over the number of training rows, by arm');
    expect(labels.every((label) => label)).toBe(true);
  });
});

describe('the table of arms', () => {
  const rows = [...document.querySelectorAll('#arms table')[0]!.querySelectorAll('tbody tr')].map((row) =>
    [...row.querySelectorAll('th, td')].map(({ textContent }) => textContent!.trim()),
  );

  test('has the reference first, and a row of numbers for every arm', () => {
    expect(rows).toHaveLength(7);
    expect(rows[0]!.at(0)).toBe('plain');
    expect(rows[0]!.slice(2, 8)).toEqual(['–', 'reference', '–', '–', '–', '–']);
    const [name, mean, change, verdict, bySpectra, interval, bootstrap, p, tried, seeds] = rows[1]!;
    expect([name, seeds, tried, verdict, bySpectra]).toEqual(['published', '10', '0.003', 'helps', 'yes']);
    expect(mean).toMatch(/^0\.0\d+ ± 0\.00\d+$/);
    expect(change).toMatch(/^−\d\.\d$/);
    for (const range of [interval, bootstrap]) expect(range).toMatch(/^−\d\.\d to −\d\.\d$/);
    expect(p).toBe('< 0.001');
  });

  test('tells arms with controls from controls', () => {
    expect(rows.map((row) => row[4])).toEqual(['–', 'yes', 'yes', 'yes', 'control', 'control', 'control']);
    const controls = document.querySelectorAll('#arms table')[1]!;
    expect(controls.querySelectorAll('tbody tr')).toHaveLength(3);
    expect(controls.textContent).toContain('beaten');
  });

  test('gives accuracies in per cent and their changes in points', () => {
    const points = parse(madeUpComparison({ unit: 'points', arms: ['plain', 'layer'], sizes: [null], epochs: 2 }));
    expect(textOf(points, '#arms thead')).toContain('Change (points)');
    expect(textOf(points, '#arms tbody')).toMatch(/\d\d\.\d ± \d\.\d %/);
  });
});

describe('the tuning', () => {
  test('rings the chosen value, and stands on a logarithmic axis', () => {
    const chosen = [...document.querySelectorAll('#tuning svg title')].filter(({ textContent }) =>
      textContent!.endsWith(', chosen'),
    );
    expect(new Set(chosen.map(({ textContent }) => textContent!.split(':')[0])).size).toBe(7);
    expect(textOf(document, '#tuning svg[role=img]')).toContain('learningRate (log scale)');
    expect(document.querySelectorAll('#tuning table')[0]!.querySelectorAll('tbody strong')).toHaveLength(7);
  });

  test('names arms that do best at an end', () => {
    const edge = parse(madeUpComparison({ bestAt: 1.7, extensions: 1, sizes: [null], epochs: 2 }));
    expect(textOf(edge, '#tuning .findings')).toContain('Best with learningRate 0.09, an end of the values tried');
    expect(textOf(edge, '#arms tbody')).toContain('0.09 (edge)');
    expect(textOf(edge, '#tuning thead')).toContain('0.09 *');
    expect(textOf(edge, '#tuning .key')).toContain('* added, as an arm did best at an end');
  });

  test('says of how many seeds a value has a result, where it has no mean', () => {
    const diverged = parse(
      madeUpComparison({
        sizes: [null],
        epochs: 4,
        outcome: ({ purpose, tried, seed }) =>
          purpose === 'tuning' && tried === 0.03 && seed > 101 ? 'diverged' : undefined,
      }),
    );
    expect(textOf(diverged, '#tuning tbody')).toContain('1 of 3');
    expect(textOf(diverged, '#runs summary')).toBe('175 runs, one by one (161 done, 14 diverged)');
    expect(textOf(diverged, '#verdict .callout summary')).toBe('14 tuning runs diverged');
    expect(textOf(diverged, '#verdict .callout details')).toContain('2 more (the loss was not finite');
  });

  test('shows words as they come', () => {
    const words = parse(madeUpComparison({ values: ['sgd', 'adam', 'adamw'], sizes: [null], epochs: 2 }));
    const ticks = [...words.querySelectorAll('#tuning svg [aria-label="x-axis tick label"] text')];
    expect(ticks.map(({ textContent }) => textContent)).toEqual(['sgd', 'adam', 'adamw']);
  });
});

describe('a comparison without some part', () => {
  test('of one size and nothing tuned leaves both sections out', () => {
    const small = parse(madeUpComparison({ values: [], sizes: [null], arms: ['plain', 'published'], epochs: 3 }));
    expect(sectionsOf(small)).toEqual(['verdict', 'arms', 'seeds', 'curves', 'spread', 'judged', 'runs', 'settings']);
    expect(textOf(small, '#arms thead')).not.toContain('learningRate');
    expect(small.querySelectorAll('#curves svg[role=img]')).toHaveLength(1);
  });

  test('of which nothing was done says why', () => {
    const nothing = parse(nothingDone());
    expect(sectionsOf(nothing)).toEqual(['verdict', 'arms', 'judged', 'settings']);
    expect(textOf(nothing, '#verdict .callout')).toContain(
      'The budget of 2 hours was spent before any run could be done.',
    );
    expect(textOf(nothing, '#arms')).toContain('No test run has a value.');
  });

  test('tells how many seeds of an arm have a value', () => {
    const some = parse(
      madeUpComparison({
        sizes: [null],
        epochs: 3,
        outcome: ({ purpose, arm, seed }) =>
          purpose === 'test' && arm === 'taps' && seed === 4 ? 'failed' : undefined,
      }),
    );
    expect(textOf(some, '#arms tbody tr:nth-child(3)')).toContain('9 of 10');
    expect(textOf(some, '#verdict .callout')).toContain('the worker process ended with signal SIGKILL');
  });

  test('shows a run that diverged at the value that it counts as', () => {
    const some = parse(
      madeUpComparison({
        arms: ['plain', 'published'],
        sizes: [null],
        epochs: 3,
        outcome: ({ purpose, arm, seed }) =>
          purpose === 'test' && arm === 'published' && seed === 4 ? 'diverged' : undefined,
      }),
    );
    const titles = [...some.querySelectorAll('#seeds svg title')].map(({ textContent }) => textContent!);
    expect(titles.filter((title) => title.endsWith(', diverged'))).toHaveLength(1);
    expect(textOf(some, '#arms tbody tr:nth-child(2)')).toContain('10 (1 diverged)');
  });

  test('folds findings that decide nothing away where there are many', () => {
    const arms = ['plain', ...Array.from({ length: 9 }, (_, index) => `arm ${index}`)];
    const many = parse(madeUpComparison({ arms, epochs: 2 }));
    const verdict = many.querySelector('#verdict')!;
    expect(verdict.querySelectorAll('.findings li')).toHaveLength(18);
    expect(verdict.querySelectorAll('details .findings li').length).toBeGreaterThan(5);
    expect(textOf(many, '#verdict details summary')).toMatch(/^\d+ further findings$/);
  });
});
