/** Ends this process when a call of a function, or a job, has taken as long as its run's budget allows, whatever it is at. */
import { Worker } from 'node:worker_threads';

/**
 * A thread of its own watches the clock, as a computation may keep the others from it. `workerData[0]` is when the process ends, in milliseconds of the
 * monotonic clock, and `workerData[1]` changes with it. A text, so that it is in the bundle.
 */
const watching = `
  const { writeSync } = require('node:fs');
  const { workerData: [ends, changes] } = require('node:worker_threads');
  for (;;) {
    const seen = Atomics.load(changes, 0);
    const left = Number(Atomics.load(ends, 0) - process.hrtime.bigint() / 1000000n);
    if (left <= 0) {
      writeSync(2, "the process has taken as long as the rest of its run's budget allows: ended\\n");
      process.kill(process.pid, 'SIGKILL');
    }
    Atomics.wait(changes, 0, seen, Math.min(left, 2 ** 31));
  }
`;

/** Later than any call ends. */
const never = 2n ** 62n;

const ends = new BigInt64Array(new SharedArrayBuffer(8)).fill(never);
const changes = new Int32Array(new SharedArrayBuffer(4));
const ofCalls = new Map<symbol, bigint>();
let watcher: Worker | undefined;

function watch(): void {
  watcher ??= new Worker(watching, { eval: true, execArgv: [], workerData: [ends, changes] });
  watcher.unref();
  const first = [...ofCalls.values()].reduce((a, b) => (a < b ? a : b), never);
  Atomics.store(ends, 0, first);
  Atomics.add(changes, 0, 1);
  Atomics.notify(changes, 0);
}

/** Says of a call in so many seconds from now its process ends (SIGKILL); undefined: it does not, as the call has. */
export function watched(): (seconds: number | undefined) => void {
  const call = Symbol('call');
  return (seconds) => {
    if (seconds === undefined) ofCalls.delete(call);
    else ofCalls.set(call, process.hrtime.bigint() / 1_000_000n + BigInt(Math.ceil(1000 * seconds)));
    watch();
  };
}
