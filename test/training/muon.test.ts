import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import {
  buildOptimizer,
  optimizerFlops,
  optimizerSchema,
  optimizerWarnings,
} from '../../shared/training/optimizers/registry.ts';
import { readGoldenSteps, relativeDifference, takeGoldenSteps } from '../support/optimizer-steps.ts';

const golden = await readGoldenSteps<{ after: Record<string, Record<string, number[]>[]> }>('muon');

const specs: ParameterSpec[] = [
  { name: 'wide', shape: [3, 5], decay: true, layer: 'wide' },
  { name: 'tall', shape: [6, 2], decay: true, layer: 'tall' },
  { name: 'square', shape: [4, 4], decay: true, layer: 'square' },
  { name: 'kernel', shape: [4, 2, 3], decay: true, layer: 'kernel' },
  { name: 'embedding', shape: [6, 3], decay: true },
  { name: 'vector', shape: [5], decay: false, layer: 'wide' },
];
const parse = (settings: object = {}) => optimizerSchema.parse({ name: 'muon', ...settings });
const muon = (settings: object = {}) => buildOptimizer(parse(settings));

describe('muon', () => {
  it.each([
    ['original', {}],
    ['match-rms-adamw', { adjust: 'match-rms-adamw' }],
    ['without nesterov, adamRate 0.5', { nesterov: false, adamRate: 0.5 }],
  ])('takes the steps of torch.optim.Muon and AdamW: %s', async (run, settings) => {
    const steps = await takeGoldenSteps(muon(settings), specs, golden);
    expect(steps).toHaveLength(4);
    for (const [step, { parameters }] of steps.entries()) {
      for (const { name } of specs) {
        const expected = golden.after[run]![step]![name]!;
        expect(relativeDifference(parameters.get(name)!.data, expected), `${name}, ${step}`).toBeLessThan(2e-6);
      }
    }
  });

  it('keeps one number of a matrix, and moments of what AdamW trains: complex weights and excluded layers too', () => {
    const more: ParameterSpec[] = [
      { name: 'spectral', shape: [2, 2, 3, 2], decay: true, complex: true, layer: 'conv' },
      { name: 'lm_head.weight', shape: [7, 3], decay: true, layer: 'lm_head' },
    ];
    const slots = (settings?: object) => [
      ...muon(settings)
        .init([...specs, ...more])
        .keys(),
    ];
    expect(slots().filter((slot) => slot.startsWith('momentum/'))).toEqual([
      'momentum/wide',
      'momentum/tall',
      'momentum/square',
      'momentum/kernel',
    ]);
    for (const name of ['embedding', 'vector', 'spectral', 'lm_head.weight'])
      expect(slots()).toContain(`firstMoment/${name}`);
    expect(slots({ exclude: ['*ll', 'kern?l'] })).toContain('firstMoment/tall');
    expect(slots({ exclude: ['*ll', 'kern?l'] })).toContain('momentum/lm_head.weight');
  });

  it('makes steps nearly orthogonal, of matrices far from it, whichever side is longer', async () => {
    for (const shape of [
      [20, 8],
      [8, 20],
    ]) {
      const [rows, columns] = shape as [number, number];
      const random = randomFor(7, 'gradient', rows);
      const column = Array.from({ length: rows }, random.normal);
      // A strong direction and a weak rest: condition number of about a hundred.
      const gradient = Array.from({ length: rows * columns }, (_, at) => {
        return column[Math.floor(at / columns)]! * ((at % columns) + 1) + 0.3 * random.normal();
      });
      const [step] = await takeGoldenSteps(muon({ adjust: 'original' }), [{ ...specs[0]!, shape }], {
        weightDecay: 0,
        learningRates: [1],
        start: { wide: new Array(rows * columns).fill(0) },
        gradients: [{ wide: gradient }],
      });
      const moved = step!.parameters.get('wide')!.data.map((value) => value / Math.sqrt(Math.max(1, rows / columns)));
      // The squares of the singular values add up to the squared Frobenius norm; each is within (0.6, 1.3)^2.
      const squares = moved.reduce((sum, value) => sum + value * value, 0) / 8;
      expect(squares).toBeGreaterThan(0.36);
      expect(squares).toBeLessThan(1.69);
    }
  });

  it('stands still where there is no gradient', async () => {
    const start = { wide: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] };
    const given = { weightDecay: 0, learningRates: [1], start, gradients: [{ wide: new Array(15).fill(0) }] };
    const [step] = await takeGoldenSteps(muon(), [specs[0]!], given);
    expect([...step!.parameters.get('wide')!.data]).toEqual(start.wide);
  });

  it('counts the products of its iterations, of matrices alone', () => {
    expect(optimizerFlops(parse(), specs.slice(4))).toBe(0);
    expect(optimizerFlops(parse({ iterations: 3 }), [specs[1]!])).toBe(3 * (2 * (2 * 6 * 2) * 2 + 2 * 2 ** 3));
  });

  it('says which excluded layers there are not, and where nothing is left for it', () => {
    expect(optimizerWarnings(parse(), specs)).toEqual([]);
    expect(optimizerWarnings(parse({ exclude: ['widee', 'tall'] }), specs)).toEqual([
      'training.optimizer.exclude: "widee" matches no layer; did you mean "wide"?',
    ]);
    expect(optimizerWarnings(parse({ exclude: ['*'] }), specs)).toEqual([
      'training.optimizer: there is no matrix for muon to train, so AdamW trains everything',
    ]);
  });
});
