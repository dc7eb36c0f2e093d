import { describe, expect, it } from 'vitest';
import type { Machine } from '../../shared/costs/machines.ts';
import {
  functionGb,
  jobMemory,
  numbersKept,
  refuseFunctionTooSmall,
  refuseJobTooSmall,
} from '../../shared/decisions/memory.ts';
import { optimizerSchema } from '../../shared/training/optimizers/registry.ts';

const optimizer = (name: string) => optimizerSchema.parse({ name });
const nothing = { heldActivations: 0, dataBytes: 0 };
const need = (gb: number, activationsGb = 0) => ({ gb, activationsGb });
const whole = (trained: number) => ({ trained, frozen: 0 });
const ofJob = (trained: number, name = 'adamw', engine: 'auto' | 'onnx' = 'auto', target: 'cpu' | 'gpu' = 'cpu') =>
  jobMemory(whole(trained), { optimizer: optimizer(name), engine }, target, nothing).gb;
const fargate = { kind: 'fargate', vcpus: 4, memoryGb: 16 } as const;
const gpu: Machine = { kind: 'instance', instances: ['g5.xlarge'], memoryGb: 12 };

describe('the memory of a job', () => {
  it('grows with the model and with what the optimizer keeps', () => {
    expect(ofJob(2e8) - ofJob(1e8)).toBeCloseTo(ofJob(3e8) - ofJob(2e8), 9);
    expect(ofJob(1e8, 'adamw') - ofJob(1e8, 'sgd')).toBeCloseTo(ofJob(1e8, 'sgd') - ofJob(1e8, 'adafactor'), 1);
    expect(ofJob(1e8, 'adafactor')).toBeLessThan(ofJob(1e8, 'sgd'));
  });

  it('has half of the moments with lars and muon, but for what AdamW trains beside it, and more with an average of the weights', () => {
    expect(ofJob(1e8, 'lars')).toBe(ofJob(1e8, 'sgd'));
    expect(ofJob(1e8, 'lamb')).toBe(ofJob(1e8, 'adamw'));
    expect(ofJob(1e8, 'muon')).toBe(ofJob(1e8, 'sgd'));
    const matrix = { name: 'matrix', shape: [300, 200], decay: true, layer: 'dense' };
    const table = { name: 'table', shape: [300, 100], decay: true };
    expect(numbersKept({ optimizer: optimizer('muon') }, [matrix])).toBe(1);
    expect(numbersKept({ optimizer: optimizer('muon') }, [matrix, table])).toBeCloseTo(4 / 3, 12);
    expect(numbersKept({ optimizer: optimizer('adamw'), ema: { decay: 0.9, warmUp: true } }, [matrix, table])).toBe(3);
    const averaged = jobMemory(
      whole(1e8),
      { optimizer: optimizer('sgd'), ema: { decay: 0.9, warmUp: true }, engine: 'auto' },
      'cpu',
      nothing,
    );
    expect(averaged.gb).toBe(ofJob(1e8, 'adamw'));
  });

  it('is taken to be what onnx needs where that trains, and elsewhere what is certain', () => {
    expect(ofJob(1e8, 'adamw', 'onnx', 'gpu')).toBe(ofJob(1e8));
    expect(ofJob(1e8, 'adamw', 'auto', 'gpu')).toBeLessThan(ofJob(1e8));
  });

  it('is far less for what is frozen: an adapter on RoBERTa-large fits a job that training it whole does not', () => {
    const settings = { optimizer: optimizer('adamw'), engine: 'onnx' } as const;
    const size = { trained: 1e6, frozen: 355e6 };
    const needed = jobMemory(size, settings, 'cpu', nothing);
    expect(needed.gb).toBeLessThan(ofJob(355e6) / 2);
    expect(() => refuseJobTooSmall(size, needed, 'cpu', fargate)).not.toThrow();
    expect(() => refuseJobTooSmall(size, need(20), 'cpu', fargate)).toThrow('deploy again; or take a smaller model.');
  });

  // Measured (docs/benchmarks.md): numbers that are trained, that are frozen, and that are kept for the gradient at most.
  it.each([
    ['BERT 4 x 256, 16 texts', 5_405_442, 0, 26_759_200, 708],
    ['the same, gradient checkpointing', 5_405_442, 0, 10_297_352, 702],
    ['BERT 6 x 512', 23_538_178, 0, 39_866_384, 1030],
    ['BERT-base, 16 texts of 128 tokens, gradient checkpointing', 92_186_882, 0, 133_840_899, 3421],
    ['BERT 12 x 512', 42_452_482, 0, 79_187_984, 1432],
    ['BERT-base', 92_186_882, 0, 118_781_968, 2308],
    ['BERT-base, gradient checkpointing', 92_186_882, 0, 27_959_297, 2013],
    ['BERT-base, 16 texts of 128 tokens', 92_186_882, 0, 531_689_504, 4144],
    ['RoBERTa-base', 124_647_170, 0, 118_794_256, 2661],
    ['BERT-base, adapter', 296_450, 92_185_344, 118_781_968, 1118],
    ['LLaMA 8 x 512, adapter', 114_688, 33_366_528, 56_590_336, 828],
    ['the same, gradient checkpointing', 114_688, 33_366_528, 16_338_944, 669],
    ['LLaMA 12 x 1024, adapter', 344_064, 157_967_360, 140_214_272, 1636],
  ])('of a language model is within 1.5 of what its run took: %s', (_, trained, frozen, heldActivations, peakMiB) => {
    const settings = { optimizer: optimizer('adamw'), engine: 'onnx' } as const;
    const size = { trained, frozen, isOfTexts: true };
    const { gb } = jobMemory(size, settings, 'cpu', { heldActivations, dataBytes: 0 });
    expect((gb * 1024) / peakMiB).toBeGreaterThan(1 / 1.5);
    expect((gb * 1024) / peakMiB).toBeLessThan(1.5);
  });

  it('of a frozen base of 1.1 billion in 16 bits is near the 4.0 GiB that a run of it took', () => {
    const settings = { optimizer: optimizer('adamw'), engine: 'auto' } as const;
    const size = { trained: 1.1e6, frozen: 1.1e9, frozenHalves: 1.1e9, isOfTexts: true };
    const { gb } = jobMemory(size, settings, 'cpu', nothing);
    expect(gb).toBeGreaterThan(3);
    expect(gb).toBeLessThan(5);
    expect(jobMemory({ ...size, frozenHalves: 0 }, settings, 'cpu', nothing).gb).toBeGreaterThan(gb + 1);
  });

  it('has the data and what is kept for the gradient, unless a GPU keeps it', () => {
    const settings = { optimizer: optimizer('adamw') };
    const work = { heldActivations: 1e8, dataBytes: 2 ** 30 };
    const more = (engine: 'auto' | 'wasm', target: 'cpu' | 'gpu') => {
      const of = (held: typeof work) => jobMemory(whole(1e6), { ...settings, engine }, target, held);
      expect(of(work).gb - of(nothing).gb).toBeCloseTo(1 + of(work).activationsGb, 9);
      return of(work).activationsGb * 2 ** 30;
    };
    expect(more('auto', 'cpu')).toBeCloseTo(5e8, 0);
    expect(more('wasm', 'cpu')).toBeCloseTo(4e8, 0);
    expect(more('wasm', 'gpu')).toBeCloseTo(4e8, 0);
    expect(more('auto', 'gpu')).toBe(0);
  });

  it('is enough for RoBERTa-base on the usual machines, and not for RoBERTa-large on one without a GPU', () => {
    expect(() => refuseJobTooSmall(whole(125e6), need(ofJob(125e6)), 'cpu', fargate)).not.toThrow();
    expect(() => refuseJobTooSmall(whole(125e6), need(ofJob(125e6, 'adamw', 'onnx', 'gpu')), 'gpu', gpu)).not.toThrow();
    expect(() => refuseJobTooSmall(whole(355e6), need(ofJob(355e6)), 'cpu', fargate)).toThrow(
      /^model: training a model of 355 million parameters takes about 19 GiB of memory, and a job on compute\.target cpu has 16\n {2}Either set cpuMemoryGb: 30 in the context of cdk\.json and deploy again; or take a smaller model/,
    );
  });

  it('names the setting that gives enough, or another way', () => {
    const refusal = (needed: number) => () => refuseJobTooSmall(whole(1e9), need(needed), 'gpu', gpu);
    expect(refusal(20)).toThrow(
      'gpuSize: 2xlarge in the context of cdk.json and deploy again; or train without a GPU (compute: cpu, with cpuMemoryGb: 30)',
    );
    expect(refusal(40)).toThrow('gpuSize: 2xlarge, gpuClasses: ["g6e"] in');
    expect(refusal(100)).toThrow('Either train without a GPU (compute: cpu, with cpuMemoryGb: 120); or');
    expect(refusal(200)).toThrow('Either take a smaller model, an adapter (model.lora), or an optimizer');
    expect(() => refuseJobTooSmall(whole(1e6), need(200, 195), 'cpu', fargate)).toThrow(
      'Either compute batches in more parts (training.accumulate), or take smaller ones (training.batchSize); or take',
    );
  });

  it('is nobody’s business where the machine is not known', () => {
    expect(() =>
      refuseJobTooSmall(whole(1e12), need(1e6), 'gpu', { kind: 'instance', instances: ['g5.xlarge'] }),
    ).not.toThrow();
    expect(() => refuseJobTooSmall(whole(1e12), need(1e6), 'cpu', undefined)).not.toThrow();
  });
});

it('a function that reads a whole model is refused one that does not fit, with the setting that helps', () => {
  expect(() => refuseFunctionTooSmall(125e6, 3008 / 1024)).not.toThrow();
  expect(functionGb(1e9)).toBeGreaterThan(3.7);
  expect(() => refuseFunctionTooSmall(9e8, 3008 / 1024)).toThrow(
    'Set functionMemoryMb to 4096 in the context of cdk.json',
  );
});
