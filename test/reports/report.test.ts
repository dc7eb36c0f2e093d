import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { AdapterReport } from '../../shared/reports/adapter.ts';
import { renderModelCard } from '../../shared/reports/model-card.ts';
import { renderReport } from '../../shared/reports/report.ts';
import type { EpochReport, RunReport } from '../../shared/reports/report-input.ts';
import { mapRows } from '../../shared/reports/runs.ts';
import { SECTIONS } from '../../shared/reports/sections/registry.ts';
import type { SpectraReport } from '../../shared/spectra/spectrum.ts';
import { recordOf } from '../support/predicted-fields.ts';
import { FNO_LAYERS, madeUpRun } from './made-up-runs.ts';

const NASTY = `</title><script>alert("1")</script> & 'x' <b>`;

const render = (...runs: RunReport[]) => renderReport({ title: 'Burgers', madeAt: '2026-11-02', runs });
const parse = (page: string) => parseHTML(page).document;
const sections = (page: string) => [...parse(page).querySelectorAll('section')].map(({ id }) => id);
const textOf = (page: string, section: string) => parse(page).querySelector(`#${section}`)?.textContent ?? '';
const changeEpochs = (run: RunReport, change: (epoch: EpochReport) => EpochReport): RunReport => ({
  ...run,
  epochs: run.epochs.map(change),
});

const classes = {
  classes: ['left', 'right'].map((name) => ({ name, precision: 0.5, recall: 0.5, f1: 0.5, support: 2 })),
  confusionCells: [
    [0, 0, 2],
    [1, 0, 1],
    [1, 1, 1],
  ],
} as const;
const adapter: AdapterReport = {
  config: { peft_type: 'LORA', r: 8, lora_alpha: 16, use_rslora: true, target_modules: ['c_attn'] },
  base: { path: '/home/me/gpt2', sha256: 'abc' },
  spectra: 'update',
  trained: 50,
  all: 2000,
};
const fields = recordOf([3, 4, 4, 3, 1], {
  predicted: ({ point, sample }) => point + sample,
  target: ({ point }) => point,
});
const plain: RunReport = {
  ...changeEpochs(madeUpRun({ name: 'plain', epochs: 4 }), (epoch) => ({ ...epoch, classes })),
  cost: { usd: 0.5, basis: 'usdPerHour' },
  test: { best: null, last: { epoch: 4, metrics: { nrmse: 0.25 } } },
  predictions: { epoch: 3, fields },
};
const balanced: RunReport = {
  ...madeUpRun({ name: 'balanced', balanced: true, epochs: 4 }),
  cost: { usd: 1.25, basis: 'meter' },
  adapter,
  balance: {
    method: 'preset modelBalancing: sigmoid of alpha, a factor for each layer, on the learning rate',
    covered: '5 of 11 layers are balanced, 10 % of the parameters; the others keep the base rate',
    timing: 'set 4 times in 16 steps, first before training',
    notes: ['balance.unit is layer, and the balanced layers have unlike shapes'],
  },
};
const both = render(plain, balanced);

describe('renderReport', () => {
  test('shows every section for two runs that have everything', () => {
    expect(sections(both)).toEqual(SECTIONS.map(({ name }) => name));
  });

  test('tells in every section how to read it', () => {
    for (const { howToRead } of SECTIONS) expect(howToRead).toMatch(/^.+\.$/s);
    expect(parse(both).querySelectorAll('section > .how')).toHaveLength(SECTIONS.length);
  });

  test('shows the metrics on test data of the best and the last epoch, of runs that have them', () => {
    const last = { epoch: 4, metrics: { nrmse: 0.25 } };
    const best = { epoch: 2, metrics: { nrmse: 0.125 } };
    const rowOf = (test: RunReport['test']) => {
      const tested = { ...plain, dataset: { ...plain.dataset, testSamples: 7 }, test };
      const cells = parse(render(tested, balanced)).querySelectorAll('#test tbody tr > *');
      return [...cells].map(({ textContent }) => textContent);
    };
    expect(rowOf({ best, last })).toEqual(['plain', 'nrmse', '0.1250 (epoch 2)', '0.2500 (epoch 4)', '7']);
    expect(rowOf({ best: null, last })).toEqual(['plain', 'nrmse', '–', '0.2500 (epoch 4)', '7']);
    expect(rowOf(undefined)).toEqual([]);
  });

  test('shows of one run all samples that were kept, of several one of each that has them', () => {
    const captions = (page: string) =>
      [...parse(page).querySelectorAll('#predictions .samples figcaption')].map(({ textContent }) => textContent);
    expect(captions(render(plain))).toEqual([
      'c0, the best sample: row 10 (nRMSE 0)',
      'c0, a median sample: row 11 (nRMSE 0.114)',
      'c0, the worst sample: row 12 (nRMSE 0.227)',
    ]);
    expect(textOf(render(plain), 'predictions')).toContain('After epoch 3. nRMSE of the 3 samples');
    expect(captions(both)).toEqual(['c0, a median sample: row 11 (nRMSE 0.114)']);
    expect(textOf(both, 'predictions')).toContain('plain (balance: off): epoch 3');
    expect(sections(render(balanced))).not.toContain('predictions');
  });

  test('says of a run with an adapter what of the model was trained', () => {
    const text = textOf(render(balanced), 'adapter');
    expect(text).toContain('BA alone');
    expect(text).toContain('LoRA of rank 8 (alpha 16, rank-stabilised) on c_attn');
    expect(text).toContain('50 of 2,000 parameters (2.5 %)');
    expect(sections(render(plain))).not.toContain('adapter');
  });

  test('says how much of a model is balanced, when rates are set, and by which method', () => {
    const text = textOf(render(balanced), 'balance');
    expect(text).toContain('5 of 11 layers are balanced, 10 % of the parameters; the others keep the base rate.');
    expect(text).toContain('Rates are set 4 times in 16 steps, first before training.');
    expect(text).toContain('the balanced layers have unlike shapes.');
    expect(sections(render(plain))).not.toContain('balance');
    expect(text).toContain('preset modelBalancing: sigmoid of alpha, a factor for each layer, on the learning rate.');
    const what = 'balance.control: not set -> "inverse"';
    const changed = { ...balanced, history: [...balanced.history, { at: '2026-01-01T00:00:00.000Z', what }] };
    expect(textOf(render(changed), 'balance')).toContain('changed while the run was under way: see History.');
    expect(text).not.toContain('changed while');
  });

  test('has the numbers of its tables next to the names, which stay in view and break after their dots', () => {
    const name = 'encoder.layer.0.attention.self.query';
    const long = madeUpRun({ layers: [{ ...FNO_LAYERS[1], name }], epochs: 2 });
    const run = { ...long, bestFits: { epoch: long.best!.epoch, alphas: { [name]: 3.25 } } };
    const page = parse(render(run));
    const heads = [...page.querySelectorAll('#layers thead th')].map(({ textContent }) => textContent);
    expect(heads.slice(0, 4)).toEqual(['Layer', 'Alpha', 'Best fit', 'Multiplier']);
    expect([...page.querySelectorAll('#runs thead th')][1]!.textContent).toBe('Best nrmse (lower is better)');
    const [first] = page.querySelectorAll('#layers tbody th');
    const [whole, short] = first!.children;
    expect(short!.textContent).toBe('0.attention.self.query');
    expect([whole!.textContent, whole!.querySelectorAll('wbr').length]).toEqual([name, 5]);
    expect(page.querySelector('style')!.textContent).toMatch(/tbody th:first-child \{ position: sticky; left: 0;/);
  });

  test('folds a remark on many layers away', () => {
    const layers = Array.from({ length: 9 }, (_, index) => ({ ...FNO_LAYERS[0], name: `fc${index}` }));
    const details = parse(render(madeUpRun({ layers, epochs: 1 }))).querySelector('#remarks details');
    expect(details!.querySelector('summary')!.textContent).toMatch(/^9 layers: too few eigenvalues for a fit/);
    expect(details!.textContent).toContain('fc0, fc1, fc2');
  });

  test('has alphas by FARMS in its tables where they were measured', () => {
    const measured = changeEpochs(balanced, (epoch) => ({
      ...epoch,
      spectra: epoch.spectra && {
        ...epoch.spectra,
        layers: epoch.spectra.layers.map((layer) => ({ ...layer, farmsAlpha: 4.321 })),
      },
    }));
    expect(textOf(render(measured), 'layers')).toMatch(/Alpha by FARMS.*4\.32 → 4\.32/s);
    expect(textOf(render(balanced), 'layers')).not.toContain('FARMS');
  });

  test('lists where rates were set within epochs', () => {
    const measured = changeEpochs(balanced, (epoch) =>
      epoch.epoch === 2 ? { ...epoch, measurements: [{ steps: 6, alphaMean: 3.25, alphaStd: 0.5 }] } : epoch,
    );
    expect(textOf(render(measured), 'balance')).toMatch(/Rates set within epochs.*6.*2.*3\.25.*0\.5/s);
    expect(textOf(render(balanced), 'balance')).not.toContain('within epochs');
  });

  test('holds the best fits of matrices with enough eigenvalues against the thresholds, and no other alpha', () => {
    const wide = madeUpRun({ layers: ['w0', 'w1'].map((name) => ({ ...FNO_LAYERS[1], name, eigenvalues: 60 })) });
    const remarksOf = (alphaBestFit: number | null, conv1d: 'rows' | 'taps', epoch = wide.best!.epoch) => {
      const run = { ...wide, conv1d, bestFits: { epoch, alphas: { w0: alphaBestFit, w1: 3 } } };
      return textOf(render(run), 'remarks');
    };
    expect(remarksOf(8, 'taps')).toMatch(
      /w0: under-trained at epoch \d+, alpha > 6 \(best fit, of at least 50 eigenvalues\)/,
    );
    expect(remarksOf(1.5, 'taps')).toMatch(/w0: over-trained at epoch \d+, alpha < 2/);
    expect(remarksOf(4, 'taps')).not.toContain('trained');
    expect(remarksOf(8, 'rows')).not.toContain('trained');
    const few = { ...balanced, bestFits: { epoch: balanced.best!.epoch, alphas: { fc1: 8 } } };
    expect(textOf(render(few), 'remarks')).not.toContain('trained');
  });

  test('gives the same page for the same input', () => {
    expect(render(plain, balanced) === both).toBe(true);
  });

  test('needs no script and nothing from outside', () => {
    const document = parse(both);
    expect(document.querySelectorAll('script, link, iframe, object')).toHaveLength(0);
    expect(/@import|url\(|\bsrc=(?!"data:image\/png;base64,)|href="(?!#)/.exec(both)?.[0]).toBeUndefined();
  });

  test('labels every drawn figure and heads every table', () => {
    const document = parse(both);
    const drawn = [...document.querySelectorAll('svg:not([aria-hidden])')];
    expect(drawn.length).toBeGreaterThan(10);
    for (const svg of drawn) {
      expect(svg.getAttribute('role')).toBe('img');
      expect(svg.getAttribute('aria-label')).toMatch(/\w/);
    }
    for (const table of document.querySelectorAll('table')) {
      expect(table.querySelector('caption')?.textContent).toMatch(/\w/);
      expect(table.querySelectorAll('th[scope="col"]').length).toBeGreaterThan(0);
    }
  });

  test('has each id once, and an anchor for every link', () => {
    const ids = [...parse(both).querySelectorAll('[id]')].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of parse(both).querySelectorAll('nav a')) expect(ids).toContain(link.getAttribute('href').slice(1));
  });

  test('shows hostile names, keys and remarks as plain text', () => {
    const layers = [{ ...FNO_LAYERS[1], name: NASTY }, FNO_LAYERS[2]];
    const run = madeUpRun({ name: NASTY, epochs: 2, balanced: true, layers });
    const page = renderReport({
      title: NASTY,
      madeAt: NASTY,
      runs: [
        changeEpochs(
          {
            ...run,
            reason: NASTY,
            config: { [NASTY]: NASTY },
            versions: { [NASTY]: NASTY },
            dataset: { ...run.dataset, [NASTY]: NASTY },
            history: [{ at: NASTY, what: NASTY }],
          },
          (epoch) => ({
            ...epoch,
            metrics: { ...epoch.metrics, [NASTY]: 1 + epoch.epoch },
            rates: epoch.rates && { ...epoch.rates, warnings: [NASTY] },
          }),
        ),
        plain,
      ],
    });
    const withoutAttributeValues = page.replace(/="[^"]*"/g, '');
    expect(withoutAttributeValues.includes('<script')).toBe(false);
    expect(withoutAttributeValues.includes('<b>')).toBe(false);
    expect(parse(page).querySelectorAll('script, b')).toHaveLength(0);
    expect(textOf(page, 'summary')).toContain('<script>');
  });

  test('stays a small file for two runs of fifty epochs', () => {
    const page = render(madeUpRun({ epochs: 50 }), madeUpRun({ name: 'balanced', balanced: true, epochs: 50 }));
    expect(page.length).toBeLessThan(1_000_000);
  });

  test('thins heat maps of long runs and says so', () => {
    const page = render(madeUpRun({ epochs: 200, balanced: true }));
    expect(textOf(page, 'alpha')).toContain('120 of 201 analysed epochs drawn');
    expect(textOf(page, 'rates')).toContain('120 of 200 epochs drawn');
    expect(page.length).toBeLessThan(1_000_000);
  });
});

describe('the summary', () => {
  test('calls no single run better than another', () => {
    const page = render(
      { ...plain, best: { epoch: 3, value: 0.01 } },
      { ...balanced, best: { epoch: 4, value: 0.02 } },
    );
    const text = textOf(page, 'summary');
    expect(text).toContain('best nrmse 0.02000 against 0.01000 (100.0 % higher), with seed 13.');
    expect(text).not.toContain('did better');
  });

  test('says when nothing was trained yet, and what of the model is drawn', () => {
    const untrained = { ...plain, epochs: plain.epochs.slice(0, 1), best: null, drawn: 'classifier' };
    expect(textOf(render(untrained), 'summary')).toMatch(
      /“plain” has not been trained yet: nrmse [\d.]+ as it came, with classifier as drawn from the seed\./,
    );
  });

  test('says when no epoch has a metric that is a number', () => {
    const text = textOf(render({ ...plain, best: null }), 'summary');
    expect(text).toContain('“plain” has no trained epoch with a finite nrmse');
    expect(text).toContain('so none is the best.');
  });

  test('says when no epoch improved on the weights as they came', () => {
    const page = render({ ...plain, best: { epoch: 0, value: 0.1 } });
    expect(textOf(page, 'summary')).toContain(
      'Training did not help “plain”: in 4 epochs no nrmse was better than the 0.1000 of the model before training',
    );
  });
});

describe('the classes', () => {
  test('are shown with how many texts of each were given which', () => {
    const rows = [...parse(both).querySelectorAll('#classes table:last-of-type tr')];
    const cells = rows.slice(-3).map((row) => [...row.children].map(({ textContent }) => textContent));
    expect(cells).toEqual([
      ['True class', 'left', 'right'],
      ['left', '2', '0'],
      ['right', '1', '1'],
    ]);
  });

  test('are shown with what they were most often taken for where there are many, in a small file', () => {
    const names = Array.from({ length: 500 }, (_, place) => `class ${place}`);
    const many = {
      classes: names.map((name) => ({ name, precision: 0.5, recall: 0.5, f1: 0.5, support: 200 })),
      confusionCells: names.flatMap((_, place) => [
        [place, place, 100] as const,
        [place, (place + 1) % 500, place === 77 ? 99 : 3] as const,
      ]),
    };
    const page = render(changeEpochs(plain, (epoch) => ({ ...epoch, classes: many })));
    expect(textOf(page, 'classes')).toMatch(
      /the 50 most frequent of 500 confusions\s*Class\s*Given\s*Texts\s*class 77\s*class 78\s*99\s*class 0\s*class 1\s*3/,
    );
    expect(page.length).toBeLessThan(1_000_000);
  });
});

describe('the cost', () => {
  test('is given for each run and epoch, with what it was counted by', () => {
    const text = textOf(both, 'cost');
    expect(text).toMatch(/plain\s*0\.5 USD\s*0\.1 USD\s*the time it took, at budget\.usdPerHour/);
    expect(text).toMatch(/balanced\s*1\.25 USD\s*0\.25 USD\s*metered/);
  });

  test('is given only where it is known', () => {
    const page = render(plain, { ...balanced, cost: undefined });
    expect(textOf(page, 'cost')).not.toContain('balanced');
    expect(sections(render({ ...balanced, cost: undefined }))).not.toContain('cost');
  });
});

describe('runs that lack something', () => {
  test('without a single epoch only words and settings are left', () => {
    const page = render({
      ...plain,
      epochs: [],
      best: null,
      cost: undefined,
      test: undefined,
      predictions: undefined,
      status: 'failed',
      reason: 'the data file is cut off',
    });
    expect(sections(page)).toEqual(['summary', 'runs', 'remarks', 'configuration', 'dataset', 'versions', 'history']);
    expect(textOf(page, 'remarks')).toContain('The run failed: the data file is cut off.');
  });

  test('without spectra there is nothing about alpha', () => {
    const page = render(madeUpRun({ spectra: false, epochs: 3 }));
    expect(sections(page)).not.toEqual(expect.arrayContaining(['alpha']));
    expect(sections(page)).toEqual(expect.arrayContaining(['metrics', 'loss']));
    expect(sections(page)).not.toContain('esd');
  });

  test('without balance there is no heat map of multipliers', () => {
    expect(sections(render(plain))).not.toContain('rates');
  });

  test('with epoch 0 alone it draws the spectra as they came', () => {
    const page = render({ ...plain, epochs: plain.epochs.slice(0, 1), best: { epoch: 0, value: 0.1 } });
    expect(sections(page)).toEqual(expect.arrayContaining(['metrics', 'alpha', 'esd']));
    expect(textOf(page, 'esd')).toContain('Only epoch 0 was analysed');
  });

  test('with one layer and no fit anywhere it keeps the spectra and their remarks', () => {
    const page = render(madeUpRun({ epochs: 2, layers: FNO_LAYERS.slice(0, 1) }));
    expect(sections(page)).not.toContain('alpha');
    expect(textOf(page, 'esd')).toContain('no fit');
    expect(textOf(page, 'remarks')).toContain('fc0: too few eigenvalues for a fit (11 of at least 12) (epochs 0–2).');
  });

  test('a diverged run is drawn up to where its numbers end, with advice', () => {
    const diverged = changeEpochs({ ...balanced, status: 'diverged', reason: 'loss is NaN' }, (epoch) =>
      epoch.epoch < 4
        ? epoch
        : {
            ...epoch,
            trainLoss: null,
            losses: [1, Number.NaN],
            metrics: { nrmse: Number.NaN },
            spectra: null,
            rates: null,
          },
    );
    const page = render(diverged, plain);
    expect(/(?<!loss is )NaN/.exec(page)).toBeNull();
    expect(textOf(page, 'remarks')).toContain('try a smaller base learning rate');
    expect(textOf(page, 'summary')).toContain('“balanced” did not end normally (diverged)');
  });

  test('eigenvalues and losses of zero do not break logarithmic axes', () => {
    const zeroed = (spectra: SpectraReport | null): SpectraReport | null =>
      spectra && {
        ...spectra,
        layers: spectra.layers.map((layer) => ({
          ...layer,
          eigenvalues: layer.eigenvalues.map((lambda, index) => (index < 3 ? 0 : lambda)),
        })),
      };
    const run = changeEpochs(plain, (epoch) => ({
      ...epoch,
      trainLoss: epoch.epoch === 3 ? 0 : epoch.trainLoss,
      spectra: zeroed(epoch.spectra),
    }));
    const page = render(run);
    expect(/NaN|Infinity/.exec(page)).toBeNull();
    expect(textOf(page, 'esd')).toContain('3 of 20 eigenvalues are zero and not drawn');
  });

  test('alphas far out do not drown the others in colour', () => {
    const run = changeEpochs(plain, (epoch) => ({
      ...epoch,
      spectra: epoch.spectra && {
        ...epoch.spectra,
        layers: epoch.spectra.layers.map((layer) => (layer.name === 'w3' ? { ...layer, alpha: 40 } : layer)),
      },
    }));
    expect(textOf(render(run), 'alpha')).toContain('above 10 drawn as 10');
  });
});

describe('the multipliers shown', () => {
  test('are of the layers of the map of alphas, in the same order, and of what else has a factor', () => {
    const rates = (group: string, learningRateMultiplier: number) => ({ group, learningRateMultiplier });
    const run = changeEpochs(balanced, (epoch) => ({
      ...epoch,
      applied: [rates('embeddings', 1.5), rates('w1', 1.25), rates('norm', 1)],
    }));
    const rows = [...FNO_LAYERS.map(({ name }) => name), 'embeddings'];
    expect(mapRows(run)).toEqual(rows);
    const document = parse(render(run));
    const drawn = ['alpha', 'rates'].map((section) =>
      [...document.querySelectorAll(`#${section} figure [aria-label="y-axis tick label"] text`)].map(
        ({ textContent }) => textContent,
      ),
    );
    expect(drawn).toEqual([rows, rows]);
    expect(textOf(render(run), 'rates')).toContain('w0, epoch 2: × 1.00');
    expect(textOf(render(run), 'alpha')).toContain('embeddings, epoch 2: no fit');
  });

  test('are those recorded as applied in the epoch', () => {
    const run = changeEpochs(balanced, (epoch) => ({
      ...epoch,
      applied: epoch.epoch === 2 ? [{ group: 'w1', learningRateMultiplier: 1.234 }] : [],
      rates: null,
    }));
    const page = render(run);
    expect(page.includes('w1, epoch 2: × 1.23')).toBe(true);
    expect(page.includes('w1, epoch 1: ×')).toBe(false);
  });

  test.each([
    ['weight decay', { learningRateMultiplier: 1, weightDecayMultiplier: 0.5 }],
    ['SAM radius', { learningRateMultiplier: 1, weightDecayMultiplier: 1, rhoMultiplier: 0.5 }],
    [
      'learning rate, weight decay and SAM radius',
      { learningRateMultiplier: 0.5, weightDecayMultiplier: 0.5, rhoMultiplier: 0.5 },
    ],
  ])('are those on %s where it is balanced', (named, multipliers) => {
    const applied = [{ group: 'w1', ...multipliers }];
    const run = changeEpochs(balanced, (epoch) => ({ ...epoch, applied: epoch.epoch > 0 ? applied : [], rates: null }));
    const page = render(run);
    expect(page.includes('w1, epoch 1: × 0.500')).toBe(true);
    expect(textOf(page, 'rates')).toContain(`balanced: ${named}`);
    expect(textOf(page, 'layers')).toMatch(/w1.*0\.500/);
    expect(renderModelCard(run)).toContain(`on each layer's ${named} followed from`);
  });

  test('are those of the analysis before the epoch where none were recorded', () => {
    const run = changeEpochs(balanced, (epoch) => ({
      ...epoch,
      applied: [],
      rates:
        epoch.epoch === 0
          ? { parameters: {}, layers: { w1: { learningRate: 0.5, weightDecay: 1 } }, warnings: [] }
          : null,
    }));
    const page = render(run);
    expect(page.includes('w1, epoch 1: × 0.500')).toBe(true);
    expect(page.includes('w1, epoch 0: ×')).toBe(false);
  });
});

test('the configuration section lists where the runs differ', () => {
  const rows = [...parse(both).querySelectorAll('#configuration tbody tr')].map(({ textContent }) => textContent);
  expect(rows.some((row) => row.includes('balance.unit'))).toBe(true);
  expect(rows.some((row) => row.includes('training.batchSize'))).toBe(false);
});
