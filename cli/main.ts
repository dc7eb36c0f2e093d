#!/usr/bin/env node
import './node-version.ts';
import { exitCodes } from './exit-codes.ts';

/** A reader that went away (`| head`) ends the command like Ctrl-C twice: everything committed is kept. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.interrupted : exitCodes.failed);
  });
}

// Not before Node's version is known to do.
const { runCli } = await import('./program.ts');
const code = await runCli(process.argv.slice(2));
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
process.exit(code);
