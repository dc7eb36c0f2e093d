/** Pre-trains the example's operator on source data: `node examples/burgers/pretrain.ts [--epochs 40] [--out FILE]` */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { randomFor } from '../../shared/core/random.ts';
import { fieldDatasetSchema, openDataset } from '../../shared/datasets/registry.ts';
import type { Trajectories } from '../../shared/datasets/trajectories.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { fno1d } from '../../shared/models/fno1d.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { cosine } from '../../shared/training/learning-rate-curves/cosine.ts';
import { adam } from '../../shared/training/optimizers/adam.ts';
import { rolloutMetrics } from '../../shared/training/rollout-metrics.ts';
import { trainEpoch } from '../../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';
import { runScript, wholeNumber } from '../script.ts';
import { asTrajectories, generateBurgers } from './data.ts';
import { segments } from './segments.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const usage = `node examples/burgers/pretrain.ts [options]

  --epochs  of training                   (40)
  --out     the safetensors file to write (examples/burgers/pretrained.safetensors)
`;

const seed = 1;
const viscosity = 0.02;
const window = 10;
const rolloutSteps = 10;
const batchSize = 16;
const learningRate = 2e-3;
const grid = { points: 64, times: 41, duration: 2 };

async function pretrain(epochs: number, out: string): Promise<void> {
  const engine = await openEngine('wasm');
  const source = asTrajectories(generateBurgers({ ...grid, viscosity, samples: 256, seed }));
  const heldOut = asTrajectories(generateBurgers({ ...grid, viscosity, samples: 32, seed: seed + 1000 }));
  const targetPath = here('target.hdf5');
  const target = await openDataset(fieldDatasetSchema.parse({ format: 'pdebench', path: targetPath }), targetPath, {
    seed,
  });

  const data = segments(source, window + rolloutSteps, rolloutSteps);
  const model = fno1d.build(fno1d.configSchema.parse({ family: 'fno1d' }), {
    kind: 'trajectories',
    space: [grid.points],
    channels: 1,
    window,
  });
  const optimizer = adam.build(adam.configSchema.parse({ name: 'adam' }));
  const problem = trajectoryProblem({ model, data, window, rolloutSteps, batchSize, seed });
  const curve = cosine.build(cosine.configSchema.parse({ name: 'cosine' }), {
    stepsPerEpoch: problem.stepsPerEpoch,
    epochs,
  });

  /** nRMSE of the whole roll-out, every time step after the window. */
  async function evaluate(parameters: HostTensors, on: Trajectories): Promise<number> {
    const steps = on.shape.at(-2)! - window;
    const request = { engine, model, parameters, data: on, window, rolloutSteps: steps, batchSize };
    return (await rolloutMetrics(request)).nRMSE!;
  }

  let parameters = model.initialise(randomFor(seed, 'initialise'));
  let state: HostTensors | undefined;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const result = await trainEpoch({
      engine,
      problem,
      optimizer,
      parameters,
      state,
      epoch,
      baseRate: (step) => learningRate * curve(step),
      weightDecay: 1e-6,
      rates: {},
    });
    ({ parameters, state } = result);
    process.stdout.write(`epoch ${epoch} of ${epochs}: loss ${result.loss.toExponential(3)}\n`);
    if (result.diverged) throw new Error(`diverged at step ${result.diverged.step}`);
  }

  const [onSource, onTarget] = [await evaluate(parameters, heldOut), await evaluate(parameters, target)];
  await writeFile(
    out,
    encodeSafetensors(parameters, {
      model: 'fno1d',
      pde: 'burgers',
      viscosity: String(viscosity),
      engine: engine.version,
    }),
  );
  process.stdout.write(
    `nRMSE over ${grid.times - window} steps: ${onSource.toFixed(4)} at viscosity ${viscosity} (held out), `,
  );
  process.stdout.write(`${onTarget.toFixed(4)} on ${targetPath} (zero-shot)\n`);
}

await runScript(
  usage,
  {
    epochs: { type: 'string', default: '40' },
    out: { type: 'string', default: here('pretrained.safetensors') },
  },
  ({ epochs, out }) => pretrain(wholeNumber(epochs, '--epochs'), out),
);
