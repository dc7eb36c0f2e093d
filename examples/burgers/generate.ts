/** Writes a set of Burgers trajectories: `node examples/burgers/generate.ts --nu 0.01 --samples 64 --seed 1 --out burgers.hdf5` */
import { parseArgs } from 'node:util';
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

const { values } = parseArgs({
  options: {
    nu: { type: 'string', default: '0.01' },
    samples: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    points: { type: 'string', default: '64' },
    times: { type: 'string', default: '41' },
    duration: { type: 'string', default: '2' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const { nu, out, help, ...counts } = values;
const options = { viscosity: Number(nu), ...mapValues(counts, Number) };
const valid =
  Object.values(options).every(Number.isFinite) &&
  [options.samples, options.points, options.times - 1, options.seed + 1].every((n) => Number.isInteger(n) && n > 0) &&
  options.viscosity > 0 &&
  options.duration > 0;

if (help) {
  process.stdout.write(usage);
} else if (out === undefined || !valid) {
  process.stderr.write(`${out === undefined ? '--out is missing' : 'an option is out of range'}\n\n${usage}`);
  process.exitCode = 2;
} else {
  const data = generateBurgers(options);
  await writeBurgers(out, data);
  const { samples, times, points, viscosity } = options;
  process.stdout.write(`${out}: ${samples} trajectories, ${times} times, ${points} points, viscosity ${viscosity}\n`);
}

function mapValues<Key extends string, From, To>(record: Record<Key, From>, change: (value: From) => To) {
  return Object.fromEntries(Object.entries<From>(record).map(([key, value]) => [key, change(value)])) as Record<
    Key,
    To
  >;
}
