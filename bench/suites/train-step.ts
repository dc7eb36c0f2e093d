import { shuffledBatches } from '../../shared/training/batches.ts';
import { interleaved, type Peer, startEngines, startReference } from '../peer.ts';
import type { Result, Suite } from '../suite.ts';
import type { TrainingCase, TrainingCost } from '../train-peer.ts';

const cases: readonly Omit<TrainingCase, 'order'>[] = [
  {
    name: 'fno1d-demo',
    model: { family: 'fno1d', modes: 12, width: 20, padding: [2] },
    space: [64],
    channels: 1,
    window: 10,
    rolloutSteps: 20,
    batchSize: 4,
    steps: 6,
  },
  {
    name: 'fno2d-small',
    model: { family: 'fno2d', modes: 6, width: 20, padding: [2, 2] },
    space: [32, 32],
    channels: 1,
    window: 10,
    rolloutSteps: 4,
    batchSize: 2,
    steps: 4,
  },
  {
    name: 'fno2d-64',
    model: { family: 'fno2d', modes: 12, width: 20, padding: [2, 2] },
    space: [64, 64],
    channels: 4,
    window: 10,
    rolloutSteps: 2,
    batchSize: 2,
    steps: 4,
  },
  {
    name: 'fno3d',
    model: { family: 'fno3d', modes: 8, width: 20, padding: [0, 0, 6] },
    space: [32, 32, 32],
    channels: 5,
    window: 10,
    rolloutSteps: 1,
    batchSize: 2,
    steps: 2,
  },
  {
    name: 'unet1d',
    model: { family: 'unet1d', initFeatures: 32 },
    space: [256],
    channels: 1,
    window: 10,
    rolloutSteps: 1,
    batchSize: 16,
    steps: 10,
  },
  {
    name: 'unet2d',
    model: { family: 'unet2d', initFeatures: 16 },
    space: [64, 64],
    channels: 1,
    window: 10,
    rolloutSteps: 1,
    batchSize: 4,
    steps: 10,
  },
];

type TrainingPeer = Peer<TrainingCase, TrainingCost>;

const rounds = 7;

/** Of the order of samples. */
const trainingSeed = 1;

/** In the order in which our own training takes them. */
function ordered(training: Omit<TrainingCase, 'order'>): TrainingCase {
  const { batchSize, steps } = training;
  return { ...training, order: shuffledBatches(batchSize * steps, batchSize, trainingSeed, 1).flat() };
}

/** All begin with the same numbers here: another loss would mean that something else is measured. */
function refuseOtherLosses(peers: readonly TrainingPeer[], measured: readonly TrainingCost[]): void {
  for (const [index, { firstLoss }] of measured.entries()) {
    const expected = measured[0]!.firstLoss;
    if (Math.abs(firstLoss / expected - 1) < 1e-4) continue;
    throw new Error(`${peers[index]!.name} has a loss of ${firstLoss} where ${peers[0]!.name} has ${expected}`);
  }
}

async function measure(peers: readonly TrainingPeer[], training: TrainingCase): Promise<Result[]> {
  const measured = await interleaved(peers, training, rounds);
  const reference = measured[peers.findIndex(({ name }) => name === 'pytorch')];
  refuseOtherLosses(peers, measured);
  const perStep = (seconds: number) => (seconds * 1e3) / training.steps;
  return peers.map(({ version }, index) => {
    const { firstSeconds, wallSeconds, cpuSeconds, compileSeconds, peakMiB, firstLoss, lastLoss } = measured[index]!;
    return {
      case: training.name,
      engine: version,
      stepMs: perStep(wallSeconds),
      processorMs: perStep(cpuSeconds),
      ...(compileSeconds === undefined ? {} : { compileSeconds }),
      startSeconds: Math.max(0, firstSeconds - wallSeconds),
      peakMiB,
      firstLoss,
      lastLoss,
      ...(reference
        ? {
            wallOfPyTorch: wallSeconds / reference.wallSeconds,
            processorOfPyTorch: cpuSeconds / reference.cpuSeconds,
          }
        : {}),
    };
  });
}

/**
 * A training step (forward, backward through the roll-out, optimizer) on each engine and in PyTorch, and what the first steps cost
 * beyond it: compiling, warming up.
 */
export const trainStep: Suite = {
  name: 'train-step',
  async run({ engine }) {
    const peers = [
      ...(await startReference<TrainingCase, TrainingCost>('train-reference.py')),
      ...(await startEngines<TrainingCase, TrainingCost>('train-peer.ts', engine)),
    ];
    try {
      const results: Result[] = [];
      for (const training of cases) results.push(...(await measure(peers, ordered(training))));
      return results;
    } finally {
      for (const peer of peers) peer.close();
    }
  },
};
