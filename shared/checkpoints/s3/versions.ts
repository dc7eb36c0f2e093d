/**
 * Which writes made an object what it is. A conditional write whose reply is lost is tried again and may then be told that
 * the object is not as demanded, because the write itself changed it. Content can't tell whose it is (two writers may write
 * the same bytes), so each write has an id of its own, and the object carries, as metadata, the ids of the last writes,
 * newest first: a write by `putIfMatch` goes before those of the version that it replaces, any other begins anew. The store's
 * tag is S3's ETag and these ids, so that a writer knows them without asking.
 */
import { randomBytes } from 'node:crypto';

/** Ids, newest first. */
export type Writes = readonly string[];

/** So many are carried; user metadata of an object may have 2 KiB. */
const longestHistory = 32;

const metadataName = 'tempbalance-writes';

/** The history of a new write that follows these. */
export const followedBy = (earlier: Writes): Writes =>
  [randomBytes(9).toString('base64url'), ...earlier].slice(0, longestHistory);

export const writesAsMetadata = (writes: Writes) => ({ [metadataName]: writes.join(' ') });

/** The writes that led to an object; none for one that another program wrote. */
export function writesInMetadata(metadata: Readonly<Record<string, string>> | undefined): Writes {
  const text = metadata?.[metadataName];
  return text ? text.split(' ') : [];
}

export const versionTag = (etag: string, writes: Writes): string => [etag, ...writes].join(' ');

export function parseVersionTag(tag: string): { etag: string; writes: Writes } {
  const [etag = '', ...writes] = tag.split(' ');
  return { etag, writes };
}

/** Stands for the ETag of a version of ours that is gone already: no object has it. */
export const goneEtag = '"replaced"';

/**
 * Whether a write of ours took effect, by the history of the object as it is now. An object that is gone counts as lost:
 * nothing that we wrote is there.
 * @param ours the history that our write gave the object: its own id, then those that it followed.
 * @param current undefined: there is no object.
 */
export function judge(ours: Writes, current: Writes | undefined): 'won' | 'lost' | 'unknown' {
  if (current === undefined) return 'lost';
  const [own, replaced] = ours;
  if (current.includes(own!)) return 'won';
  const complete = current.length < longestHistory || (replaced !== undefined && current.includes(replaced));
  return complete ? 'lost' : 'unknown';
}
