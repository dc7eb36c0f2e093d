import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseTarget,
  type JobFailure,
  markets,
  mostTries,
  type Tries,
  triesAfter,
} from '../../shared/decisions/compute.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { totalCount } from '../../shared/tensors/tensor.ts';

describe('the target', () => {
  const small = { parameters: 50_000, stepFlops: 2e9 };
  it('is what the settings say', () => {
    expect(chooseTarget('gpu', small)).toBe('gpu');
    expect(chooseTarget('cpu', { parameters: 1e9, stepFlops: 1e15 })).toBe('cpu');
  });
  it('is a GPU by itself for a large model or a costly step', () => {
    expect(chooseTarget('auto', small)).toBe('cpu');
    expect(chooseTarget('auto', { ...small, parameters: 1e7 })).toBe('gpu');
    expect(chooseTarget('auto', { ...small, stepFlops: 1e11 })).toBe('gpu');
  });
});

it("is no GPU for the paper's 2-D case, a step of which a processor computes in seconds", () => {
  const [window, rolloutSteps, batchSize] = [10, 11, 20];
  const { parameters, forwardFlops } = buildModel(fieldModelSchema.parse({ family: 'fno2d', modes: 12, width: 20 }), {
    kind: 'trajectories',
    space: [64, 64],
    channels: 4,
    window,
  });
  const stepFlops = 3 * rolloutSteps * batchSize * forwardFlops;
  expect(chooseTarget('auto', { parameters: totalCount(parameters), stepFlops })).toBe('cpu');
});

const fresh: Tries = { market: 'spot', interruptions: 0, failures: 0 };
const triesOf = (failures: readonly JobFailure[], from: Tries = fresh) =>
  failures.reduce<Tries | undefined>((tries, failure) => tries && triesAfter(failure, tries), from);

describe('after a failure', () => {
  it('a run stays on Spot after one interruption, and leaves it after two', () => {
    expect(triesOf(['interruption'])).toEqual({ market: 'spot', interruptions: 1, failures: 0 });
    expect(triesOf(['interruption', 'interruption'])).toEqual({ market: 'onDemand', interruptions: 2, failures: 0 });
  });
  it('a run leaves Spot when none is to be had', () => {
    expect(triesOf(['waiting'])).toEqual({ market: 'onDemand', interruptions: 0, failures: 0 });
    expect(triesOf(['waiting', 'waiting'])).toBeUndefined();
  });
  it('other failures are tried again three times', () => {
    expect(triesOf(['passing', 'passing', 'passing'])).toEqual({ market: 'spot', interruptions: 0, failures: 3 });
    expect(triesOf(['passing', 'passing', 'passing', 'passing'])).toBeUndefined();
  });
  it('a job that hangs is tried again once, and not after another failure of the epoch', () => {
    expect(triesOf(['hang'])).toEqual({ market: 'spot', interruptions: 0, failures: 1 });
    expect(triesOf(['interruption', 'hang'])).toEqual({ market: 'spot', interruptions: 1, failures: 1 });
    expect(triesOf(['hang', 'hang'])).toBeUndefined();
    expect(triesOf(['passing', 'hang'])).toBeUndefined();
  });
  it('a run leaves Spot at the second failure that nobody explains, and not for one that is', () => {
    expect(triesOf(['unexplained'])).toEqual({ market: 'spot', interruptions: 0, failures: 1 });
    expect(triesOf(['unexplained', 'unexplained'])).toEqual({ market: 'onDemand', interruptions: 0, failures: 2 });
    expect(triesOf(['passing', 'unexplained'])).toEqual({ market: 'onDemand', interruptions: 0, failures: 2 });
    expect(triesOf(['unexplained', 'passing'])).toEqual({ market: 'spot', interruptions: 0, failures: 2 });
    expect(triesOf(Array(4).fill('unexplained'))).toBeUndefined();
  });
  it('of any kind, an epoch is given up after a bounded number of tries, and never goes back to Spot', () => {
    const kinds = fc.array(fc.constantFrom<JobFailure>('interruption', 'waiting', 'passing', 'hang', 'unexplained'), {
      minLength: mostTries,
    });
    fc.assert(
      fc.property(kinds, fc.constantFrom(...markets), (failures, market) => {
        expect(triesOf(failures, { ...fresh, market })).toBeUndefined();
        const markets = failures.map((_, index) => triesOf(failures.slice(0, index), { ...fresh, market })?.market);
        expect(markets.join(' ')).not.toContain('onDemand spot');
      }),
    );
  });
});
