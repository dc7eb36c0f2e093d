import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFor } from '../../shared/core/random.ts';
import { solverNames } from '../../shared/spectra/solvers/solver.ts';
import { elementCount } from '../../shared/tensors/tensor.ts';
import { runCli, usageOf } from '../cli.ts';
import type { Result, Suite } from '../suite.ts';

/** A decoder of 5 billion weights: 46 blocks, and a head over a vocabulary of 152 thousand that is not tied. */
const blocks = 46;
const hidden = 2560;
const shapes: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(
    Array.from({ length: blocks }, (_, block) => [
      [`model.layers.${block}.self_attn.q_proj.weight`, [4096, hidden]],
      [`model.layers.${block}.self_attn.k_proj.weight`, [1024, hidden]],
      [`model.layers.${block}.self_attn.v_proj.weight`, [1024, hidden]],
      [`model.layers.${block}.self_attn.o_proj.weight`, [hidden, 4096]],
      [`model.layers.${block}.mlp.gate_proj.weight`, [9728, hidden]],
      [`model.layers.${block}.mlp.up_proj.weight`, [9728, hidden]],
      [`model.layers.${block}.mlp.down_proj.weight`, [hidden, 9728]],
    ]).flat() as [string, number[]][],
  ),
  'lm_head.weight': [151_936, hidden],
};

const bytesPerWeight = 2;

/** Writes the checkpoint in BF16: the same normal numbers again and again from another place. */
async function writeCheckpoint(path: string): Promise<void> {
  let offset = 0;
  const header = JSON.stringify(
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const end = offset + elementCount(shape) * bytesPerWeight;
        const entry = { dtype: 'BF16', shape, data_offsets: [offset, end] };
        offset = end;
        return [name, entry];
      }),
    ),
  );
  const random = randomFor(1, 'checkpoint-memory');
  const words = new Uint32Array(Float32Array.from({ length: 2 ** 22 + 7 }, () => random.normal() / 50).buffer);
  const block = new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
  const out = createWriteStream(path);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  out.write(prefix);
  out.write(header);
  for (let left = offset; left > 0; left -= block.length) {
    if (!out.write(block.subarray(0, Math.min(left, block.length)))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

async function analyse(path: string, solver: string): Promise<Result> {
  const begun = performance.now();
  const said = await runCli('analyze', path, '--solver', solver, '--json', '--no-eigenvalues');
  const { layers } = JSON.parse(said.stdout) as { layers: { alpha: number | null }[] };
  return {
    case: `${((await stat(path)).size / 1e9).toFixed(1)} GB checkpoint`,
    solver,
    layers: layers.length,
    withAlpha: layers.filter(({ alpha }) => alpha !== null).length,
    wallSeconds: (performance.now() - begun) / 1e3,
    peakMiB: usageOf(said).peakMiB,
  };
}

/** Peak memory of `tempbalance analyze` on a checkpoint of 10 GB, which is written to a temporary folder; takes minutes. */
export const checkpointMemory: Suite = {
  name: 'checkpoint-memory',
  onRequest: true,
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'tempbalance-bench-'));
    try {
      const path = join(folder, 'model.safetensors');
      await writeCheckpoint(path);
      const results: Result[] = [];
      for (const solver of solverNames.filter((name) => name === 'openblas' || name === 'wasm')) {
        try {
          results.push(await analyse(path, solver));
        } catch (error) {
          process.stderr.write(`${solver} is left out: ${error instanceof Error ? error.message : error}\n`);
        }
      }
      return results;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
