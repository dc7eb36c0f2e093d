import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { selfTest } from '../../shared/engines/self-test.ts';
import { tryEngine } from '../../shared/engines/try-engine.ts';
import { temporaryFolder } from '../support/small-run.ts';

async function moduleWith(code: string): Promise<URL> {
  const path = join(await temporaryFolder(), 'trial.mjs');
  await writeFile(path, code);
  return pathToFileURL(path);
}

describe('a trial of an engine', () => {
  it('tells of one that works, and by how much it differs', async () => {
    const trial = await tryEngine('onnx');
    expect(trial).toMatchObject({ works: true, version: expect.stringMatching(/^onnxruntime-node /) });
    expect(trial.works && trial.difference).toBeLessThan(1e-5);
  });

  it('outlives one that crashes, also after it has answered', async () => {
    const crash = `console.error('driver: no'); process.abort();`;
    expect(await tryEngine('onnx', await moduleWith(crash))).toEqual({
      works: false,
      reason: 'its process ended (SIGABRT): driver: no',
    });
    const late = `process.send({ works: true }, () => process.abort());`;
    expect(await tryEngine('onnx', await moduleWith(late))).toMatchObject({ works: false });
  });

  it('refuses one that computes something else', async () => {
    const plain = await openEngine('cpu');
    const wrong = async () => ({
      ...plain,
      loop: ((step, given) =>
        plain.loop((tf, tensors) => {
          const { carried, results } = step(tf, tensors);
          return { carried: { w: tf.mul(carried!.w!, 1.001) }, results };
        }, given)) as typeof plain.loop,
    });
    await expect(selfTest(wrong)).rejects.toThrow(/^its self-test is off by \d\.\de-3$/);
  });
});
