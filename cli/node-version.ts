/** Ends the process with a plain word if Node is too old: imported before anything that needs a later one. */
import { nodeTooOld } from '../shared/core/node-version.ts';

const problem = nodeTooOld();
if (problem !== undefined) {
  process.stderr.write(`error: ${problem}\n`);
  process.exit(2);
}
