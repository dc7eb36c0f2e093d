/** One of our solvers as a peer of the suite `spectra`: reads requests, one JSON object a line, and answers each. */
import { createInterface } from 'node:readline';
import { randomFor } from '../shared/core/random.ts';
import { analyseLayers } from '../shared/spectra/analyse.ts';
import { type Conv1dReading, spectraConfigSchema } from '../shared/spectra/config.ts';
import { openSolver } from '../shared/spectra/solvers/open-solver.ts';
import type { SolverName } from '../shared/spectra/solvers/solver.ts';
import type { Layer, LayerKind } from '../shared/tensors/layer.ts';
import { elementCount } from '../shared/tensors/tensor.ts';
import type { Cost } from './peer.ts';

/** Shapes of the layers to be analysed. */
export interface PeerRequest {
  readonly layers: readonly (readonly number[])[];
  readonly kind?: LayerKind;
  readonly conv1d?: Conv1dReading;
}

const random = randomFor(1, 'bench-spectra');
const normals = Float32Array.from({ length: 2 ** 20 + 7 }, () => random.normal() / 28);

/** Normal numbers again and again from another place, so that no two rows are alike. */
function fill(length: number): Float32Array {
  const data = new Float32Array(length);
  for (let at = 0; at < length; at += normals.length) data.set(normals.subarray(0, length - at), at);
  return data;
}

async function analyse({ layers: shapes, kind = 'linear', conv1d }: PeerRequest): Promise<Cost> {
  const config = spectraConfigSchema.parse({ spectralWeights: true, conv1d });
  const layers = shapes.map((_, index): Layer => ({ name: `${index}`, kind, weights: [`${index}`] }));
  const shapeOf = (weight: string) => shapes[Number(weight)]!;
  const read = async (weight: string) => ({ shape: shapeOf(weight), data: fill(elementCount(shapeOf(weight))) });
  const wall = performance.now();
  const before = process.cpuUsage();
  await analyseLayers(layers, read, config, pool, shapeOf);
  const { user, system } = process.cpuUsage(before);
  return {
    wallSeconds: (performance.now() - wall) / 1e3,
    cpuSeconds: (user + system) / 1e6,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
}

const pool = await openSolver(process.argv[2] as SolverName);
console.log(JSON.stringify({ version: pool.solver }));
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await analyse(JSON.parse(line))));
await pool.close();
