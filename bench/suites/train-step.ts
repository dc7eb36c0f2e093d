import { interleaved, type Peer, startEngines, startReference } from '../peer.ts';
import type { Result, Suite } from '../suite.ts';
import type { TrainingCase } from '../train-peer.ts';

const cases: readonly TrainingCase[] = [
  {
    name: 'fno1d-demo',
    model: { family: 'fno1d', modes: 12, width: 20 },
    space: [64],
    channels: 1,
    window: 10,
    rolloutSteps: 20,
    batchSize: 4,
    steps: 6,
  },
  {
    name: 'fno2d-small',
    model: { family: 'fno2d', modes: 6, width: 20 },
    space: [32, 32],
    channels: 1,
    window: 10,
    rolloutSteps: 4,
    batchSize: 2,
    steps: 4,
  },
];

const rounds = 7;

async function measure(peers: readonly Peer<TrainingCase>[], training: TrainingCase): Promise<Result[]> {
  const measured = await interleaved(peers, training, rounds);
  const reference = measured[peers.findIndex(({ name }) => name === 'pytorch')];
  const perStep = (seconds: number) => (seconds * 1e3) / training.steps;
  return peers.map(({ version }, index) => {
    const { firstSeconds, wallSeconds, cpuSeconds, peakMiB } = measured[index]!;
    return {
      case: training.name,
      engine: version,
      stepMs: perStep(wallSeconds),
      processorMs: perStep(cpuSeconds),
      startSeconds: Math.max(0, firstSeconds - wallSeconds),
      peakMiB,
      ...(reference ? { wallOfPyTorch: wallSeconds / reference.wallSeconds } : {}),
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
      ...(await startReference<TrainingCase>('train-reference.py')),
      ...(await startEngines<TrainingCase>('train-peer.ts', engine)),
    ];
    try {
      const results: Result[] = [];
      for (const training of cases) results.push(...(await measure(peers, training)));
      return results;
    } finally {
      for (const peer of peers) peer.close();
    }
  },
};
