import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { recogniseBuffers } from '../../shared/engines/buffers-of-any-copy.ts';
import type { TensorLibrary } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';

const ownRequire = createRequire(import.meta.url);

/** Another copy of the library in this process, whose kernels come in the place of the first one's. */
function secondCopy(): TensorLibrary {
  for (const path of Object.keys(ownRequire.cache)) if (path.includes('@tensorflow')) delete ownRequire.cache[path];
  return ownRequire('@tensorflow/tfjs');
}

it('lets a kernel of one copy write into what another one holds', async () => {
  const { tf } = await openEngine('cpu');
  const second = secondCopy();
  expect(second).not.toBe(tf);
  const updated = () =>
    Array.from(
      tf
        .tensorScatterUpdate(
          tf.tensor1d([1, 2, 3]) as never,
          tf.tensor2d([[1]], [1, 1], 'int32') as never,
          tf.tensor1d([9]) as never,
        )
        .dataSync(),
    );
  expect(updated()).toEqual([0, 9, 0]);
  recogniseBuffers(second);
  expect(updated()).toEqual([1, 9, 3]);
});
