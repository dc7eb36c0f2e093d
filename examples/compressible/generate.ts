/** Writes a set of compressible flows: `node examples/compressible/generate.ts --samples 64 --seed 1 --out flow.hdf5` */
import { UserError } from '../../shared/core/errors.ts';
import { gridOptions, gridUsage, readGrid } from '../field-grid.ts';
import { runScript } from '../script.ts';
import { generateFlow, writeFlow } from './data.ts';
import { type InitialKind, initialStates } from './states.ts';

const kinds = Object.keys(initialStates) as InitialKind[];

const usage = `node examples/compressible/generate.ts --out FILE [options]

  --initial   waves: smooth, periodic; tubes: shock tubes with open ends (waves)
${gridUsage('1')}`;

await runScript(
  usage,
  { initial: { type: 'string', default: 'waves' }, ...gridOptions('1') },
  async ({ initial: named, ...values }) => {
    const { grid, out } = readGrid(values);
    const initial = kinds.find((kind) => kind === named);
    if (!initial) throw new UserError(`"${named}" is none of ${kinds.join(', ')}`, { where: '--initial' });
    await writeFlow(out, generateFlow({ ...grid, initial }));
    const { samples, times, points } = grid;
    process.stdout.write(`${out}: ${samples} trajectories, ${times} times, ${points} points, ${initial}\n`);
  },
);
