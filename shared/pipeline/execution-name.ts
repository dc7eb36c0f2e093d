/** Names of executions, which follow from what they are at, so that nothing is started twice. */
import { createHash } from 'node:crypto';

/** The longest name that Step Functions allows for an execution. */
const longestName = 80;

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** A name, or, where it is too long, its beginning and a digest of it. */
const shortened = (name: string, longest: number): string =>
  name.length <= longest ? name : `${name.slice(0, longest - 13)}-${digestOf(name)}`;

/**
 * The name of the execution by which a run goes on in another region. It follows from that of the execution which hands it over: tried
 * again, that starts no second one.
 */
export const nameAfterHandover = (name: string, execution: string): string =>
  `${handoverPrefix(name)}${digestOf(execution)}`;

/** How the names of such executions of a run begin. */
export const handoverPrefix = (name: string): string => `${shortened(name, longestName - 18)}-from-`;

/** The name of the first execution at a run or a comparison, or of a later one. */
export const executionName = (name: string, number = 1): string =>
  number === 1 ? shortened(name, longestName) : `${shortened(name, longestName - 5)}-${number}`;
