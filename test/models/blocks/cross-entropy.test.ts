import { beforeAll, describe, expect, it } from 'vitest';
import { runOnce, type TensorLibrary } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { crossEntropy } from '../../../shared/models/blocks/cross-entropy.ts';
import { readJsonFixture } from '../../support/fixtures.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

const entropy = (logits: readonly number[][], labels: readonly number[]) => {
  const wanted = tf.tensor1d([...labels], 'int32');
  const { value, grad } = tf.valueAndGrad((scores) => crossEntropy(tf, scores, wanted))(
    tf.tensor2d(logits as number[][]),
  );
  return { loss: value.dataSync()[0]!, gradient: [...grad.dataSync()] };
};

describe('cross entropy', () => {
  it('is the mean over the rows that are counted', () => {
    const { loss, gradient } = entropy(
      [
        [0, 0],
        [7, 1],
        [Math.log(3), 0],
      ],
      [1, -100, 0],
    );
    expect(loss).toBeCloseTo((Math.log(2) + Math.log(4 / 3)) / 2, 6);
    [0.25, -0.25, 0, 0, -0.125, 0.125].forEach((expected, at) => {
      expect(gradient[at]).toBeCloseTo(expected, 6);
    });
  });

  it('is 0 with no gradient where no row is counted', () => {
    const { loss, gradient } = entropy([[1, 2]], [-100]);
    expect([loss, ...gradient].map(Math.abs)).toEqual([0, 0, 0]);
  });

  it('stays finite for logits of any size', () => {
    const { loss, gradient } = entropy([[1e4, -1e4]], [1]);
    expect(loss).toBeCloseTo(2e4, 0);
    expect(gradient).toEqual([1, -1]);
  });
});

describe('label smoothing', async () => {
  const { logits, labels, cases } = await readJsonFixture<{
    logits: number[][];
    labels: number[];
    cases: { smoothing: number; loss: number; gradient: number[] }[];
  }>('classification', 'label_smoothing.json');

  it.each(availableEngines().flatMap((engineName) => cases.map((each) => ({ engineName, ...each }))))(
    'of $smoothing has the loss and the gradient of torch on $engineName',
    async ({ engineName, smoothing, loss, gradient }) => {
      const found = await runOnce(
        await openEngine(engineName),
        (library, { inputs }) => {
          const differentiate = library.valueAndGrad((scores) =>
            crossEntropy(library, scores, inputs.labels!, { smoothing }),
          );
          const { value, grad } = differentiate(inputs.logits!);
          return { results: { value, grad } };
        },
        new Map([
          ['logits', { shape: [5, 3], data: Float32Array.from(logits.flat()) }],
          ['labels', { shape: [5], data: Int32Array.from(labels) }],
        ]),
      );
      expect(found.get('value')!.data[0]).toBeCloseTo(loss, 5);
      expect([...found.get('grad')!.data]).toEqual(gradient.map((value) => expect.closeTo(value, 6)));
    },
  );
});
