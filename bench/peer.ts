/** Processes that are measured against each other: each answers requests, one JSON object a line. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compileMeasure } from '../shared/engines/onnx/compiled-steps.ts';
import { availableEngines } from '../shared/engines/open-engine.ts';
import { median } from './suite.ts';

/** What one request cost. */
export interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Of the process so far. */
  readonly peakMiB: number;
  /** Of the time, what compiling took; absent where nothing is compiled. */
  readonly compileSeconds?: number | undefined;
}

export interface Peer<Request, Answer = Cost> {
  readonly name: string;
  /** What it says of itself in its first line. */
  readonly version: string;
  ask(request: Request): Promise<Answer>;
  close(): void;
}

/** What compiling took in this process since it was asked for last; undefined where nothing was compiled. */
export function compileSeconds(): number | undefined {
  const measures = performance.getEntriesByName(compileMeasure);
  performance.clearMeasures(compileMeasure);
  return measures.length === 0 ? undefined : measures.reduce((sum, { duration }) => sum + duration, 0) / 1e3;
}

/** A file of this folder. */
export const benchFile = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Starts a process that answers requests line by line; undefined when it ends before its first line. */
export async function startPeer<Request, Answer = Cost>(
  name: string,
  command: string,
  args: readonly string[],
): Promise<Peer<Request, Answer> | undefined> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) return undefined;
  return {
    name,
    ...(JSON.parse(first.value) as { version: string }),
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended before it answered`);
      return JSON.parse(value) as Answer;
    },
    close: () => void child.stdin.end(),
  };
}

/** The peer in PyTorch, where there is one. */
export async function startReference<Request, Answer = Cost>(script: string): Promise<Peer<Request, Answer>[]> {
  const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
  const peer = await startPeer<Request, Answer>('pytorch', python, [benchFile(script)]);
  if (peer) return [peer];
  process.stderr.write(
    `PyTorch is left out: ${python} can't import what ${script} needs, or has no device ${process.env.TEMPBALANCE_TORCH_DEVICE ?? 'cpu'}; TEMPBALANCE_PYTHON names one that can\n`,
  );
  return [];
}

/** Asks all peers in turn, round after round, so that a busy machine is busy for all alike; medians after a warm-up. */
export async function interleaved<Request, Answer extends Cost = Cost>(
  peers: readonly Peer<Request, Answer>[],
  request: Request,
  rounds: number,
): Promise<(Answer & { readonly firstSeconds: number })[]> {
  const answers = peers.map((): Answer[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, peer] of peers.entries()) answers[index]!.push(await peer.ask(request));
  }
  return answers.map((all) => {
    const counted = rounds === 0 ? all : all.slice(1);
    return {
      ...all[0]!,
      firstSeconds: all[0]!.wallSeconds,
      wallSeconds: median(counted.map(({ wallSeconds }) => wallSeconds)),
      cpuSeconds: median(counted.map(({ cpuSeconds }) => cpuSeconds)),
      peakMiB: Math.max(...all.map(({ peakMiB }) => peakMiB)),
    };
  });
}

/** The chosen engine, or all but the plain one, each in a process of its own. */
export async function startEngines<Request, Answer = Cost>(
  script: string,
  choice: string,
): Promise<Peer<Request, Answer>[]> {
  const names = choice === 'auto' ? availableEngines().filter((name) => name !== 'cpu') : [choice];
  const started = await Promise.all(
    names.map((name) => startPeer<Request, Answer>(name, process.execPath, [benchFile(script), name])),
  );
  return started.filter((peer) => peer !== undefined);
}
