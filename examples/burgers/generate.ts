/** Writes a set of Burgers trajectories: `node examples/burgers/generate.ts --nu 0.01 --samples 64 --seed 1 --out burgers.hdf5` */
import { UserError } from '../../shared/core/errors.ts';
import { positiveNumber, runScript, wholeNumber } from '../script.ts';
import { generateBurgers, writeBurgers } from './data.ts';

const usage = `node examples/burgers/generate.ts --out FILE [options]

  --nu        viscosity                      (0.01)
  --samples   trajectories                   (64)
  --seed      decides the initial conditions (1)
  --points    grid points kept               (64)
  --times     times kept                     (41)
  --duration  of each trajectory             (2)
  --out       the HDF5 file to write
`;

await runScript(
  usage,
  {
    nu: { type: 'string', default: '0.01' },
    samples: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    points: { type: 'string', default: '64' },
    times: { type: 'string', default: '41' },
    duration: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
  async ({ out, ...values }) => {
    if (out === undefined)
      throw new UserError('is missing', { where: '--out', remedy: 'Name the HDF5 file to write.' });
    const data = generateBurgers({
      viscosity: positiveNumber(values.nu, '--nu'),
      samples: wholeNumber(values.samples, '--samples'),
      seed: wholeNumber(values.seed, '--seed', 0),
      points: wholeNumber(values.points, '--points'),
      times: wholeNumber(values.times, '--times', 2),
      duration: positiveNumber(values.duration, '--duration'),
    });
    await writeBurgers(out, data);
    const { samples, times, points, nu } = values;
    process.stdout.write(`${out}: ${samples} trajectories, ${times} times, ${points} points, viscosity ${nu}\n`);
  },
);
