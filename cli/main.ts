#!/usr/bin/env node
import './node-version.ts';
import { exitCodes } from './exit-codes.ts';

let isDeserted = false;

/** A reader that went away (`| head`) ends the command like Ctrl-C twice: everything committed is kept, and native threads are let finish. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (isDeserted) return;
    isDeserted = true;
    if (error.code !== 'EPIPE') process.exit(exitCodes.failed);
    if (process.listenerCount('SIGINT') === 0) process.exit(exitCodes.interrupted);
    process.emit('SIGINT');
    process.emit('SIGINT');
  });
}

// Not before Node's version is known to do.
const { runCli } = await import('./program.ts');
const code = await runCli(process.argv.slice(2));
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
process.exit(code);
