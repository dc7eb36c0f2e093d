import { type ChildProcess, spawn } from 'node:child_process';
import { Console } from 'node:console';
import { fileURLToPath } from 'node:url';
import { runCli as runProgram } from '../../cli/program.ts';

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

/** Starts `tempbalance`, and kills it so many milliseconds after it has printed so many lines; it may have ended before. */
export async function killCli(args: readonly string[], after: { lines: number; delay: number }): Promise<CliResult> {
  const { child, finished } = startCli(args);
  const kill = () => setTimeout(() => child.kill('SIGKILL'), after.delay);
  let lines = 0;
  if (after.lines === 0) kill();
  child.stdout!.on('data', (chunk) => {
    const before = lines;
    lines += String(chunk).split('\n').length - 1;
    if (before < after.lines && lines >= after.lines) kill();
  });
  return finished;
}

/** Runs `tempbalance` in a process of its own to its end. */
export const runCliProcess = (args: readonly string[], options: CliOptions = {}) => startCli(args, options).finished;

let before: Promise<unknown> = Promise.resolve();

/**
 * Runs `tempbalance` to its end in this process, which spares loading it: one command at a time, as folder, environment and
 * streams belong to the process.
 */
export function runCli(args: readonly string[], { cwd, env }: Omit<CliOptions, 'input'> = {}): Promise<CliResult> {
  const result = before.then(() => runHere(args, cwd ?? process.cwd(), { ...plainEnvironment, ...env }));
  before = result.catch(() => undefined);
  return result;
}

async function runHere(args: readonly string[], folder: string, env: Record<string, string>): Promise<CliResult> {
  const back = process.cwd();
  const usual = Object.keys(env).map((name) => [name, process.env[name]] as const);
  const ownConsole = globalThis.console;
  const text = { stdout: '', stderr: '' };
  const restored = (['stdout', 'stderr'] as const).map((stream) => {
    const { write } = process[stream];
    process[stream].write = (chunk: string | Uint8Array, ...given: unknown[]) => {
      text[stream] += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
      const done = given.at(-1);
      if (typeof done === 'function') queueMicrotask(() => done());
      return true;
    };
    return () => {
      process[stream].write = write;
    };
  });
  globalThis.console = new Console(process.stdout, process.stderr);
  process.chdir(folder);
  Object.assign(process.env, env);
  try {
    return { code: await runProgram(args), signal: null, ...text };
  } finally {
    for (const restore of restored) restore();
    globalThis.console = ownConsole;
    process.chdir(back);
    for (const [name, value] of usual) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
