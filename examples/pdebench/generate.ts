/** Writes made-up fields in the layout of PDEBench's files: `node examples/pdebench/generate.ts` */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runScript, wholeNumber } from '../script.ts';
import { kinds, writeMadeUp } from './data.ts';

const usage = `node examples/pdebench/generate.ts [options]

  --out FOLDER   where ${kinds.join(', ')} go, an HDF5 file each (examples/pdebench/data)
  --samples N    in each file (24)
  --points N     along each axis (64)
  --seed N       decides all numbers (1)
`;

await runScript(
  usage,
  {
    out: { type: 'string', default: 'examples/pdebench/data' },
    samples: { type: 'string', default: '24' },
    points: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
  },
  async ({ out, samples, points, seed }) => {
    const sizes = {
      samples: wholeNumber(samples, '--samples', 2),
      points: wholeNumber(points, '--points', 16),
      seed: wholeNumber(seed, '--seed', 0),
    };
    await mkdir(out, { recursive: true });
    for (const kind of kinds) {
      const path = join(out, `${kind}.hdf5`);
      await writeMadeUp(path, kind, sizes);
      process.stdout.write(`${path}: ${samples} samples\n`);
    }
  },
);
