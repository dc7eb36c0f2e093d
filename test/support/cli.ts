import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** What a finished command left. `signal` is set when it was killed. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** What it is given on standard input. */
  readonly input?: string;
}

/** No colours, and the engine and solver that are there on every machine. */
const plainEnvironment = { NO_COLOR: '1', TEMPBALANCE_TFJS_NODE: '', TEMPBALANCE_SOLVER: '' };

/** Starts `tempbalance` as a child process. */
export function startCli(
  args: readonly string[],
  options: CliOptions = {},
): { child: ChildProcess; finished: Promise<CliResult> } {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...plainEnvironment, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(options.input);
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.on('data', (chunk) => {
      text[stream] += String(chunk);
    });
  }
  const finished = new Promise<CliResult>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return { child, finished };
}

/** Runs `tempbalance` to its end. */
export const runCli = (args: readonly string[], options: CliOptions = {}) => startCli(args, options).finished;
