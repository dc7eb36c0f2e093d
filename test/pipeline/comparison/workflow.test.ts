import { beforeEach, describe, expect, it } from 'vitest';
import { comparisonKeys } from '../../../shared/checkpoints/comparison-keys.ts';
import { encodeJson, readJson } from '../../../shared/checkpoints/json.ts';
import { memoryStore } from '../../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../../shared/checkpoints/run-keys.ts';
import { parseRunFile } from '../../../shared/config/parse-run-file.ts';
import { UserError } from '../../../shared/core/errors.ts';
import { noteSpend } from '../../../shared/costs/ceiling.ts';
import { ledgerSchema } from '../../../shared/decisions/comparison/admission.ts';
import { comparisonOutcomeSchema, readComparison, readResults } from '../../../shared/pipeline/comparison/records.ts';
import { readComparisonResult } from '../../../shared/pipeline/comparison/result.ts';
import { readRequest } from '../../../shared/pipeline/records.ts';
import { beginFake, comparison, doFake, fakeSettings } from '../../support/fake-comparison.ts';

let store: ReturnType<typeof memoryStore>;
beforeEach(() => {
  store = memoryStore();
});

const textOf = async (key: string) => new TextDecoder().decode((await store.get(key))!.bytes);
const resultText = () => textOf(comparisonKeys.judged(comparison));
const outcome = () => readJson(store, comparisonKeys.outcome(comparison), comparisonOutcomeSchema);

describe('a comparison', () => {
  it('tunes every arm, tests at the best value, judges, and writes what to take', async () => {
    await beginFake(store, await fakeSettings());
    const { execution, trained, events } = await doFake(store);
    expect(execution).toEqual({ status: 'done' });
    expect(trained.filter((run) => run.startsWith('tuning'))).toHaveLength(12);
    expect(trained.filter((run) => run.startsWith('test')).sort()).toEqual(
      ['balanced', 'plain'].flatMap((arm) => [1, 2, 3, 4].map((seed) => `test-${arm}-0.003-${seed}`)),
    );
    const { judgement, results, winners } = await readComparisonResult(store, comparison);
    expect(judgement.findings).toMatchObject([{ arm: 'balanced', finding: 'helps', seeds: [1, 2, 3, 4] }]);
    expect(judgement.findings[0]!.change).toBeCloseTo(-10, -1);
    expect(results).toHaveLength(20);
    expect(winners).toEqual([{ size: null, file: 'winner.yaml' }]);
    const winner = parseRunFile(await textOf(comparisonKeys.winner(comparison, 'winner.yaml')), 'winner.yaml');
    expect(winner.training.learningRate).toBe(0.003);
    expect(winner.balance).not.toBe('off');
    expect(winner.dataset.test).toBeUndefined();
    expect(await textOf(comparisonKeys.report(comparison))).toContain(judgement.headline);
    expect(await outcome()).toMatchObject({ outcome: 'judged', reason: judgement.headline });
    expect(events.flatMap((event) => (event.type === 'round' ? [[event.round, event.runs]] : []))).toEqual([
      ['tuning', 12],
      ['test', 8],
      ['judge', 0],
    ]);
  });

  it('begins no run above the ceiling of the service', async () => {
    await beginFake(store, await fakeSettings());
    const ceiling = { usd: 2, per: 'day' } as const;
    await noteSpend(store, { run: 'runs/other', id: '1', usd: 2, at: new Date(Date.UTC(2026, 10, 23)) });
    const { trained } = await doFake(store, { context: { ceiling } });
    expect(trained).toEqual([]);
    const results = await readResults(store, comparison);
    expect(results.length).toBeGreaterThan(0);
    for (const { status, reason } of results) {
      expect([status, reason]).toEqual([
        'skipped',
        'the ceiling of the service is reached: 2.00 of 2.00 USD a day are spent since 2026-11-23',
      ]);
    }
  });

  it('measures tuning runs on validation data alone', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store);
    for (const { run, purpose } of await readResults(store, comparison)) {
      const tested = await store.get(runKeys.test(comparisonKeys.run(comparison, run)));
      expect([run, tested !== undefined]).toEqual([run, purpose === 'test']);
    }
  });

  it('tries one more value, of every arm, where one does best at an end', async () => {
    await beginFake(store, await fakeSettings({ rates: [0.0003, 0.001], extensions: 2 }));
    const { trained } = await doFake(store);
    const { judgement } = await readComparisonResult(store, comparison);
    for (const { winner, state, scores } of judgement.tunings) {
      expect(state).toBe('decided');
      expect(winner).toBe(0.00333);
      expect(scores.map(({ tried }) => tried)).toEqual([0.0003, 0.001, 0.00333, 0.0111]);
    }
    expect(trained.filter((run) => run.startsWith('tuning'))).toHaveLength(16);
  });

  it('keeps measurements and reports of finished runs, and models only where it is told to', async () => {
    const modelFiles = async () =>
      (await store.list(`${comparison}/runs/`)).filter((key) => key.endsWith('.safetensors'));
    await beginFake(store, await fakeSettings());
    await doFake(store);
    expect(await modelFiles()).toEqual([]);
    expect((await store.list(`${comparison}/runs/`)).filter((key) => key.endsWith('report.html'))).toHaveLength(20);
    store = memoryStore();
    await beginFake(store, await fakeSettings({ keep: 'models' }));
    await doFake(store);
    expect((await modelFiles()).filter((key) => key.endsWith('model/model.safetensors'))).toHaveLength(20);
  });

  it('knows of every run that balances whether its rates were changed', async () => {
    const arms = { plain: { balance: 'off' }, balanced: {}, never: { 'balance.minEigenvalues': 1000 } };
    await beginFake(store, await fakeSettings({ rates: undefined, seeds: { test: [1] }, arms }));
    await doFake(store);
    const { results } = await readComparisonResult(store, comparison);
    const changed = Object.fromEntries(results.map(({ arm, ratesChanged }) => [arm, ratesChanged]));
    expect(changed).toEqual({ plain: undefined, balanced: true, never: false });
  });

  it('gives the same result however many runs go at a time', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store);
    const one = await resultText();
    store = memoryStore();
    await beginFake(store, await fakeSettings());
    await doFake(store, { context: { parallel: 7 } });
    expect(await resultText()).toBe(one);
  });

  it('has names of executions that follow from run and execution', async () => {
    await beginFake(store, await fakeSettings());
    const names: string[] = [];
    await doFake(store, {
      number: 3,
      onTask: ({ name, input }) => name === 'TrainRun' && names.push((input as { Name: string }).Name),
    });
    expect(names).toContain('fake-tuning-plain-0.001-101-3');
    expect(new Set(names).size).toBe(20);
  });
});

describe('a run of a comparison', () => {
  const isThird = (run: string) => run === 'test-balanced-0.003-3';

  it('that is refused or fails is named, and its seed is left out', async () => {
    await beginFake(store, await fakeSettings());
    const onTrain = () => {
      throw new UserError('the disk of this test is full');
    };
    const { execution } = await doFake(store, { behaviour: (run) => (isThird(run) ? { onTrain } : {}) });
    expect(execution).toEqual({ status: 'done' });
    const { judgement } = await readComparisonResult(store, comparison);
    expect(judgement.findings[0]!.seeds).toEqual([1, 2, 4]);
    expect(judgement.basis.join()).toContain('test-balanced-0.003-3');
    expect(judgement.basis.join()).toContain('the disk of this test is full');
  });

  it('whose value is beyond what the setting takes fails alone', async () => {
    const tune = { 'training.labelSmoothing': [0.5, 0.9] };
    await beginFake(store, await fakeSettings({ rates: undefined, tune, extensions: 1 }));
    const metricOf = (run: string) => ({ metric: () => (run.includes('-0.9-') ? 1 : 2) });
    const { execution } = await doFake(store, { behaviour: metricOf });
    expect(execution).toEqual({ status: 'done' });
    const failed = (await readResults(store, comparison)).filter(({ status }) => status === 'failed');
    expect(failed.map(({ tried }) => tried)).toEqual([1.62, 1.62, 1.62, 1.62]);
    expect(failed[0]!.reason).toContain('training.labelSmoothing');
  });

  it('that found other data than the comparison began with does not count', async () => {
    const settings = await fakeSettings({ rates: undefined, seeds: { test: [1, 2] } });
    await beginFake(store, settings);
    const { path } = settings.arms[0]!.config.dataset;
    const request = await readComparison(store, comparison);
    const data = { [path as string]: 'a'.repeat(64) };
    await store.put(comparisonKeys.request(comparison), encodeJson({ ...request, data }));
    await doFake(store);
    const results = await readResults(store, comparison);
    expect(results.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed', 'failed']);
    expect(results[0]!.reason).toBe(`${path} is no longer what it was when the comparison began`);
  });

  it('whose process is lost fails alone', async () => {
    await beginFake(store, await fakeSettings());
    const error = { name: 'RunError', message: 'the process that did the run was ended by SIGKILL' };
    await doFake(store, { onRun: (run) => (isThird(run) ? { status: 'failed', error } : undefined) });
    const failed = (await readResults(store, comparison)).filter(({ status }) => status === 'failed');
    expect(failed).toMatchObject([{ run: 'test-balanced-0.003-3', reason: error.message, value: null }]);
  });

  it('that diverges is named, and its arm is not said to help', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store, { behaviour: (run) => (isThird(run) ? { diverges: (epoch) => epoch === 1 } : {}) });
    const { judgement, results } = await readComparisonResult(store, comparison);
    expect(results.find(({ run }) => isThird(run))).toMatchObject({ status: 'diverged' });
    expect(judgement.findings[0]!.finding).toBe('undecided');
    expect(judgement.basis.join()).toContain('1 test run diverged: test-balanced-0.003-3');
  });

  it('that diverges while tuning takes its value out of the choice', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store, {
      behaviour: (run) => (run === 'tuning-plain-0.003-101' ? { diverges: (epoch) => epoch === 1 } : {}),
    });
    const { judgement } = await readComparisonResult(store, comparison);
    const plain = judgement.tunings.find(({ arm }) => arm === 'plain')!;
    expect(plain.winner).not.toBe(0.003);
    expect(judgement.basis.join()).toContain('tuning-plain-0.003-101');
  });
});

describe('a comparison that goes on', () => {
  it('does only what is missing, to the same bits', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store);
    const whole = await resultText();
    store = memoryStore();
    await beginFake(store, await fakeSettings());
    let left = 9;
    const onRun = () => (left-- > 0 ? undefined : ({ status: 'interrupted' } as const));
    const first = await doFake(store, { onRun, context: { parallel: 1 } });
    expect(first.execution).toEqual({ status: 'interrupted' });
    const second = await doFake(store, { number: 2 });
    expect(second.execution).toEqual({ status: 'done' });
    expect([...first.trained, ...second.trained]).toHaveLength(20);
    expect(new Set([...first.trained, ...second.trained]).size).toBe(20);
    expect(await resultText()).toBe(whole);
  });

  it('goes on with a run where it was begun, though the folder was moved', async () => {
    const settings = await fakeSettings();
    await beginFake(store, settings);
    await doFake(store);
    const run = 'test-plain-0.003-4';
    const child = comparisonKeys.run(comparison, run);
    const { config } = await readRequest(store, child);
    await store.delete(comparisonKeys.result(comparison, run));
    await beginFake(store, settings, 2);
    await doFake({ ...store, label: 'elsewhere' }, { number: 2 });
    expect((await readRequest(store, child)).config.output).toEqual(config.output);
  });

  it('tries what failed again, and nothing else', async () => {
    await beginFake(store, await fakeSettings());
    const error = { name: 'RunError', message: 'lost' };
    await doFake(store, { onRun: (run) => (run.endsWith('-3') ? { status: 'failed', error } : undefined) });
    const { trained } = await doFake(store, { number: 2 });
    expect(trained.sort()).toEqual(['test-balanced-0.003-3', 'test-plain-0.003-3']);
    expect((await readComparisonResult(store, comparison)).judgement.basis).toEqual([]);
  });

  it('leaves out what is no longer asked for', async () => {
    await beginFake(store, await fakeSettings({ arms: { plain: { balance: 'off' }, a: {}, b: {} } }));
    await doFake(store);
    await beginFake(store, await fakeSettings({ arms: { plain: { balance: 'off' }, a: {} } }), 2);
    expect((await doFake(store, { number: 2 })).trained).toEqual([]);
    const { results, judgement } = await readComparisonResult(store, comparison);
    expect(results.map(({ arm }) => arm)).not.toContain('b');
    expect(judgement.findings.map(({ arm }) => arm)).toEqual(['a']);
  });

  it('does the runs of seeds that were added', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store);
    await beginFake(store, await fakeSettings({ seeds: { tuning: [101, 102], test: [1, 2, 3, 4, 5] } }), 2);
    const { trained } = await doFake(store, { number: 2 });
    expect(trained.sort()).toEqual(['test-balanced-0.003-5', 'test-plain-0.003-5']);
  });
});

describe('a damaged file of a comparison', () => {
  const settings = () => fakeSettings({ rates: undefined, seeds: { test: [1, 2] } });
  const run = 'test-plain-2';
  const child = comparisonKeys.run(comparison, run);
  const broken = new TextEncoder().encode('{"run":');
  beforeEach(async () => {
    await beginFake(store, await settings());
    await doFake(store);
  });

  it.each([
    ['results/test-plain-2.json', 'Delete it: the run is done again.'],
    ['plans.json', 'Delete it: it is written again.'],
    ['compare.json', 'Restore it from a copy'],
  ])('%s is named, with what to do about it', async (file, remedy) => {
    const whole = await resultText();
    const key = `${comparison}/${file}`;
    await store.put(key, broken);
    const { execution } = await doFake(store, { number: 2 });
    expect(execution).toMatchObject({ status: 'failed', error: { message: expect.stringContaining(remedy) } });
    expect(execution).toMatchObject({ error: { message: expect.stringContaining(`${key}: is not JSON`) } });
    if (file === 'compare.json') return;
    await store.delete(key);
    expect((await doFake(store, { number: 3 })).execution).toEqual({ status: 'done' });
    expect(await resultText()).toBe(whole);
  });

  it('budget.json is named too, and counted again', async () => {
    await beginFake(store, await fakeSettings({ rates: undefined, seeds: { test: [1, 2] }, budget: { hours: 4 } }), 2);
    await store.put(comparisonKeys.ledger(comparison), broken);
    const { execution } = await doFake(store, { number: 2 });
    expect(execution).toMatchObject({
      error: { message: expect.stringContaining('Delete it: what the runs have used is counted again.') },
    });
    await store.delete(comparisonKeys.ledger(comparison));
    await doFake(store, { number: 3 });
    expect(Object.keys((await readJson(store, comparisonKeys.ledger(comparison), ledgerSchema))!.spent)).toHaveLength(
      4,
    );
  });

  it('costs a run nothing where its own files still tell the result, and else the run begins anew', async () => {
    const whole = await resultText();
    for (const gone of [[], ['head.json', 'run.json'], ['run.json'], ['head.json', 'outcome.json'], ['test.json']]) {
      for (const key of [comparisonKeys.result(comparison, run), ...gone.map((file) => `${child}/${file}`)]) {
        await store.delete(key);
      }
      const { execution } = await doFake(store, { number: 2 });
      expect(execution).toEqual({ status: 'done' });
      expect(await resultText(), gone.join()).toBe(whole);
    }
    await store.delete(comparisonKeys.result(comparison, run));
    await store.put(runKeys.record(child), broken);
    await doFake(store, { number: 2 });
    expect(await resultText()).toBe(whole);
  });

  it('of a run whose weights are kept fails that run alone, and says what to do', async () => {
    store = memoryStore();
    await beginFake(store, { ...(await settings()), keep: 'models' });
    await doFake(store);
    await store.delete(comparisonKeys.result(comparison, run));
    await store.put(runKeys.record(child), broken);
    expect((await doFake(store, { number: 2 })).execution).toEqual({ status: 'done' });
    const failed = (await readResults(store, comparison)).filter(({ status }) => status === 'failed');
    expect(failed.map(({ run }) => run)).toEqual([run]);
    expect(failed[0]!.reason).toContain(`${child}/run.json: is not JSON`);
    expect(failed[0]!.reason).toContain(`delete the folder memory/${child}, and the run is done again`);
    for (const key of await store.list(`${child}/`)) await store.delete(key);
    await doFake(store, { number: 3 });
    expect((await readResults(store, comparison)).every(({ status }) => status === 'done')).toBe(true);
  });

  it('that lies in results/ under a name that is not its run is not counted', async () => {
    const whole = await resultText();
    const results = comparisonKeys.results(comparison);
    const other = (await readResults(store, comparison)).find((result) => result.run === run)!;
    await store.put(`${results}${run} copy.json`, encodeJson({ ...other, value: 1e6 }));
    await store.put(`${results}.DS_Store`, broken);
    await store.put(`${results}test-plain-1.json`, encodeJson({ ...other, value: 1e6 }));
    const { execution } = await doFake(store, { number: 2 });
    expect(execution).toEqual({ status: 'done' });
    expect(await resultText()).toBe(whole);
  });
});

describe('a budget', () => {
  // Every look at the clock of a fake run is a second.
  const secondsOfRun = async () => {
    const results = await readResults(store, comparison);
    return Math.max(...results.map(({ seconds }) => seconds));
  };

  it('is shared by all runs, leaves out those that it does not pay for, and says so', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store);
    const seconds = await secondsOfRun();
    store = memoryStore();
    await beginFake(store, await fakeSettings({ budget: { hours: (16.5 * seconds) / 3600 } }));
    const { execution } = await doFake(store, { context: { parallel: 1 } });
    expect(execution).toEqual({ status: 'done' });
    const results = await readResults(store, comparison);
    const skipped = results.filter(({ status }) => status === 'skipped');
    expect(skipped.map(({ run }) => run).sort()).toEqual([
      'test-balanced-0.003-3',
      'test-balanced-0.003-4',
      'test-plain-0.003-3',
      'test-plain-0.003-4',
    ]);
    const { judgement, stopped } = await readComparisonResult(store, comparison);
    expect(stopped).toContain('budget');
    expect(judgement.findings[0]!.seeds).toEqual([1, 2]);
    expect(judgement.basis.join()).toContain('left out for the budget');
    const ledger = (await readJson(store, comparisonKeys.ledger(comparison), ledgerSchema))!;
    expect(ledger.reserved).toEqual({});
    expect(Object.keys(ledger.spent)).toHaveLength(16);
  });

  const ledgerOf = async () => (await readJson(store, comparisonKeys.ledger(comparison), ledgerSchema))!;

  it('that is set later has what was used before counted', async () => {
    await beginFake(store, await fakeSettings());
    await doFake(store);
    const used = (await readResults(store, comparison)).reduce((sum, { seconds }) => sum + seconds, 0);
    const seeds = { tuning: [101, 102], test: [1, 2, 3, 4, 5] };
    await beginFake(store, await fakeSettings({ seeds, budget: { hours: used / 3600 } }), 2);
    const { trained } = await doFake(store, { number: 2 });
    expect(trained).toEqual([]);
    expect(Object.keys((await ledgerOf()).spent)).toHaveLength(20);
    const skipped = (await readResults(store, comparison)).filter(({ status }) => status === 'skipped');
    expect(skipped.map(({ run }) => run).sort()).toEqual(['test-balanced-0.003-5', 'test-plain-0.003-5']);
  });

  it('no longer sets aside what a run was to have that is not asked for any more', async () => {
    const budget = { hours: 4 };
    await beginFake(store, await fakeSettings({ arms: { plain: { balance: 'off' }, a: {}, b: {} }, budget }));
    const onRun = (run: string) => (run.includes('-b-') ? ({ status: 'interrupted' } as const) : undefined);
    await doFake(store, { onRun });
    expect(Object.keys((await ledgerOf()).reserved)).toContain('tuning-b-0.001-101');
    await beginFake(store, await fakeSettings({ arms: { plain: { balance: 'off' }, a: {} }, budget }), 2);
    expect((await doFake(store, { number: 2 })).execution).toEqual({ status: 'done' });
    expect((await ledgerOf()).reserved).toEqual({});
  });

  it('is for the first run alone until it is known what one takes, then shared, each share a budget of its own', async () => {
    await beginFake(store, await fakeSettings({ budget: { hours: 4 }, parallel: 2 }));
    const budgets: (number | undefined)[] = [];
    const rounds: number[] = [];
    await doFake(store, {
      onTask: async ({ name, output }) => {
        if (name === 'PlanRound') rounds.push((output as { runs: string[] }).runs.length);
        if (name !== 'AdmitRun') return;
        const at = budgets.push(undefined) - 1;
        const { child } = output as { child: string };
        budgets[at] = (await readRequest(store, child)).config.budget.hours;
      },
    });
    expect(rounds).toEqual([1, 11, 8, 0]);
    expect(budgets[0]).toBe(4);
    expect(budgets[1]).toBeCloseTo(2, 1);
    expect(budgets.slice(1).every((hours) => hours! < 4)).toBe(true);
  });

  it('that pays for one run lets that one end, and leaves the others out', async () => {
    await beginFake(store, await fakeSettings({ rates: undefined, seeds: { test: [1, 2] } }));
    await doFake(store);
    const seconds = await secondsOfRun();
    store = memoryStore();
    const budget = { hours: (1.3 * seconds) / 3600 };
    await beginFake(store, await fakeSettings({ rates: undefined, seeds: { test: [1, 2] }, budget, parallel: 4 }));
    const { trained } = await doFake(store);
    expect(trained).toEqual(['test-plain-1']);
    const results = await readResults(store, comparison);
    expect(results.map(({ run, status }) => [run, status])).toEqual([
      ['test-balanced-1', 'skipped'],
      ['test-balanced-2', 'skipped'],
      ['test-plain-1', 'done'],
      ['test-plain-2', 'skipped'],
    ]);
  });
});

it('that can not be judged is noted as failed, with finished runs kept', async () => {
  await beginFake(store, await fakeSettings());
  const failing = {
    ...store,
    put: async (key: string, bytes: Uint8Array) => {
      if (key.endsWith('report.html') && !key.includes('/runs/')) throw new UserError('no room for the page');
      return store.put(key, bytes);
    },
  };
  const { execution } = await doFake(failing);
  expect(execution).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('no room') } });
  expect(await outcome()).toMatchObject({ outcome: 'failed', reason: 'no room for the page' });
  const { trained } = await doFake(store, { number: 2 });
  expect(trained).toEqual([]);
  expect(await outcome()).toMatchObject({ outcome: 'judged' });
});
