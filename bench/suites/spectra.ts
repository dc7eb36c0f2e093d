import { execFileSync } from 'node:child_process';
import { openInThread } from '../../shared/spectra/solvers/registry.ts';
import { solverNames } from '../../shared/spectra/solvers/solver.ts';
import { benchFile, type Cost, interleaved, type Peer, startPeer, startReference } from '../peer.ts';
import type { PeerRequest } from '../spectra-peer.ts';
import type { Result, Suite } from '../suite.ts';

const rounds = 5;

/** The dense layers of RoBERTa-base. */
const roberta: PeerRequest = {
  layers: [
    ...Array.from({ length: 48 }, () => [768, 768]),
    ...Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? [3072, 768] : [768, 3072])),
  ],
};

const sizes = [256, 512, 1024, 2048, 4096];
/** Above this the plain solver takes minutes. */
const largestPortable = 1024;

const kinds = [
  { case: 'linear [768, 768]', kind: 'linear', layers: [[768, 768]] },
  { case: 'linear [3072, 768]', kind: 'linear', layers: [[3072, 768]] },
  { case: 'conv1d [768, 768, 3] by taps', kind: 'conv1d', conv1d: 'taps', layers: [[768, 768, 3]] },
  { case: 'conv1d [768, 768, 3] by rows', kind: 'conv1d', conv1d: 'rows', layers: [[768, 768, 3]] },
  { case: 'conv2d [256, 256, 3, 3]', kind: 'conv2d', layers: [[256, 256, 3, 3]] },
  { case: 'spectralConv [64, 64, 12, 12, 2]', kind: 'spectralConv', layers: [[64, 64, 12, 12, 2]] },
] as const;

type SpectraPeer = Peer<PeerRequest>;

function solversHere() {
  return solverNames.filter((name) => {
    try {
      openInThread(name);
      return true;
    } catch (error) {
      process.stderr.write(`${name} is left out: ${error instanceof Error ? error.message : error}\n`);
      return false;
    }
  });
}

/** Each in a process of its own that runs what is published: compiled, for stripping types takes memory in every thread. */
function startSolvers(): Promise<SpectraPeer[]> {
  execFileSync(benchFile('../node_modules/.bin/tsc'), ['-p', benchFile('tsconfig.json')]);
  const peer = benchFile('../node_modules/.cache/tempbalance-bench/bench/spectra-peer.js');
  return Promise.all(
    solversHere().map(async (name) => (await startPeer<PeerRequest>(name, process.execPath, [peer, name]))!),
  );
}

const costOf = ({ wallSeconds, cpuSeconds, peakMiB }: Cost) => ({ wallSeconds, cpuSeconds, peakMiB });

async function wholeModel(peers: readonly SpectraPeer[]): Promise<Result[]> {
  const quick = peers.filter(({ name }) => name !== 'portable');
  const slow = peers.filter(({ name }) => name === 'portable');
  const measured = [...(await interleaved(quick, roberta, rounds)), ...(await interleaved(slow, roberta, 0))];
  const reference = measured[quick.findIndex(({ name }) => name === 'pytorch')];
  return [...quick, ...slow].map(({ version: solver }, index) => ({
    case: 'roberta-base',
    solver,
    ...costOf(measured[index]!),
    ...(reference ? { wallOfPyTorch: measured[index]!.wallSeconds / reference.wallSeconds } : {}),
    ...(reference ? { cpuOfPyTorch: measured[index]!.cpuSeconds / reference.cpuSeconds } : {}),
  }));
}

async function growth(peers: readonly SpectraPeer[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const size of sizes) {
    const fit = peers.filter(({ name }) => name !== 'portable' || size <= largestPortable);
    const measured = await interleaved(fit, { layers: [[size, size]] }, size > 1024 ? 1 : rounds);
    for (const [index, { version: solver }] of fit.entries()) {
      const { wallSeconds, cpuSeconds } = measured[index]!;
      results.push({ case: `one of ${size}x${size}`, solver, wallSeconds, cpuSeconds });
    }
  }
  return results;
}

async function layerKinds(peers: readonly SpectraPeer[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const { case: name, ...request } of kinds) {
    const measured = await interleaved(peers, request, rounds);
    for (const [index, { version: solver }] of peers.entries()) {
      const { wallSeconds, cpuSeconds } = measured[index]!;
      results.push({ case: name, solver, wallSeconds, cpuSeconds });
    }
  }
  return results;
}

/** Spectra of RoBERTa-base's layers by each solver and by the reference's PyTorch loop; growth with the size; layer kinds. */
export const spectra: Suite = {
  name: 'spectra',
  async run() {
    const solvers = await startSolvers();
    const peers = [...(await startReference<PeerRequest>('spectra-reference.py')), ...solvers];
    try {
      return [...(await wholeModel(peers)), ...(await growth(peers)), ...(await layerKinds(solvers))];
    } finally {
      for (const peer of peers) peer.close();
    }
  },
};
