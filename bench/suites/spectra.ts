import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openInThread } from '../../shared/spectra/solvers/registry.ts';
import { solverNames } from '../../shared/spectra/solvers/solver.ts';
import type { PeerAnswer, PeerRequest } from '../spectra-peer.ts';
import { median, type Result, type Suite } from '../suite.ts';

const file = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
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
  { case: 'conv1d [768, 768, 3]', kind: 'conv1d', layers: [[768, 768, 3]] },
  { case: 'conv2d [256, 256, 3, 3]', kind: 'conv2d', layers: [[256, 256, 3, 3]] },
  { case: 'spectralConv [64, 64, 12, 12, 2]', kind: 'spectralConv', layers: [[64, 64, 12, 12, 2]] },
] as const;

interface Peer {
  readonly name: string;
  readonly solver: string;
  ask(request: PeerRequest): Promise<PeerAnswer>;
  close(): void;
}

/** Starts a process that answers requests line by line; undefined when it ends before its first line. */
async function startPeer(name: string, command: string, args: readonly string[]): Promise<Peer | undefined> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) return undefined;
  return {
    name,
    ...(JSON.parse(first.value) as { solver: string }),
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended before it answered`);
      return JSON.parse(value) as PeerAnswer;
    },
    close: () => void child.stdin.end(),
  };
}

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
function startSolvers(): Promise<Peer[]> {
  execFileSync(file('../node_modules/.bin/tsc'), ['-p', file('tsconfig.json')]);
  const peer = file('../node_modules/.cache/tempbalance-bench/bench/spectra-peer.js');
  return Promise.all(solversHere().map(async (name) => (await startPeer(name, process.execPath, [peer, name]))!));
}

async function startReference(): Promise<Peer[]> {
  const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
  const peer = await startPeer('pytorch', python, [file('spectra-reference.py')]);
  if (peer) return [peer];
  process.stderr.write(`PyTorch is left out: ${python} can't import torch; TEMPBALANCE_PYTHON names one that can\n`);
  return [];
}

/** Asks all peers in turn, round after round, so that a busy machine is busy for all alike; medians after a warm-up. */
async function interleaved(peers: readonly Peer[], request: PeerRequest, count = rounds): Promise<PeerAnswer[]> {
  const answers = peers.map((): PeerAnswer[] => []);
  for (let round = 0; round <= count; round++) {
    for (const [index, peer] of peers.entries()) {
      const answer = await peer.ask(request);
      if (round > 0 || count === 0) answers[index]!.push(answer);
    }
  }
  return answers.map((all) => ({
    wallSeconds: median(all.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(all.map(({ cpuSeconds }) => cpuSeconds)),
    peakMiB: Math.max(...all.map(({ peakMiB }) => peakMiB)),
  }));
}

async function wholeModel(peers: readonly Peer[]): Promise<Result[]> {
  const quick = peers.filter(({ name }) => name !== 'portable');
  const slow = peers.filter(({ name }) => name === 'portable');
  const measured = [...(await interleaved(quick, roberta)), ...(await interleaved(slow, roberta, 0))];
  const reference = measured[quick.findIndex(({ name }) => name === 'pytorch')];
  return [...quick, ...slow].map(({ solver }, index) => ({
    case: 'roberta-base',
    solver,
    ...measured[index]!,
    ...(reference ? { wallOfPyTorch: measured[index]!.wallSeconds / reference.wallSeconds } : {}),
    ...(reference ? { cpuOfPyTorch: measured[index]!.cpuSeconds / reference.cpuSeconds } : {}),
  }));
}

async function growth(peers: readonly Peer[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const size of sizes) {
    const fit = peers.filter(({ name }) => name !== 'portable' || size <= largestPortable);
    const measured = await interleaved(fit, { layers: [[size, size]] }, size > 1024 ? 1 : rounds);
    for (const [index, { solver }] of fit.entries()) {
      const { wallSeconds, cpuSeconds } = measured[index]!;
      results.push({ case: `one of ${size}x${size}`, solver, wallSeconds, cpuSeconds });
    }
  }
  return results;
}

async function layerKinds(peers: readonly Peer[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const { case: name, ...request } of kinds) {
    const measured = await interleaved(peers, request);
    for (const [index, { solver }] of peers.entries()) {
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
    const peers = [...(await startReference()), ...solvers];
    try {
      return [...(await wholeModel(peers)), ...(await growth(peers)), ...(await layerKinds(solvers))];
    } finally {
      for (const peer of peers) peer.close();
    }
  },
};
