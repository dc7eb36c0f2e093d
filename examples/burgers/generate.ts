/** Writes a set of Burgers trajectories: `node examples/burgers/generate.ts --nu 0.01 --samples 64 --seed 1 --out burgers.hdf5` */
import { gridOptions, gridUsage, readGrid } from '../field-grid.ts';
import { positiveNumber, runScript } from '../script.ts';
import { generateBurgers, writeBurgers } from './data.ts';

const usage = `node examples/burgers/generate.ts --out FILE [options]

  --nu        viscosity                      (0.01)
${gridUsage('2')}`;

await runScript(usage, { nu: { type: 'string', default: '0.01' }, ...gridOptions('2') }, async ({ nu, ...values }) => {
  const { grid, out } = readGrid(values);
  await writeBurgers(out, generateBurgers({ ...grid, viscosity: positiveNumber(nu, '--nu') }));
  const { samples, times, points } = grid;
  process.stdout.write(`${out}: ${samples} trajectories, ${times} times, ${points} points, viscosity ${nu}\n`);
});
