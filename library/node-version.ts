/** Refuses a Node that is too old in plain words: imported before anything that needs a later one. */
import { nodeTooOld } from '../shared/core/node-version.ts';

const problem = nodeTooOld();
if (problem !== undefined) throw new Error(problem);
