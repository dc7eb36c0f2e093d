/** Requests to S3 against what the roles that made them are allowed. */
import { type Access, access } from '../../infra/access.ts';
import { matchesName } from '../../shared/core/name-pattern.ts';
import type { LoggedRequest } from './access-log.ts';

/** What a policy calls a request. */
const kinds: Readonly<Record<string, keyof Access | 'list'>> = {
  ListObjectsV2Command: 'list',
  GetObjectCommand: 'read',
  HeadObjectCommand: 'read',
  PutObjectCommand: 'write',
  CopyObjectCommand: 'write',
  DeleteObjectCommand: 'delete',
  PutObjectTaggingCommand: 'tag',
  DeleteObjectTaggingCommand: 'tag',
};

/** Those that take part in comparisons alone. */
export const rolesOfComparisons: readonly string[] = [
  'plan-round',
  'admit-run',
  'settle-run',
  'judge-runs',
  'record-comparison-failure',
];

/** Requests that a deployment would refuse. */
export function notAllowed(requests: readonly LoggedRequest[]): LoggedRequest[] {
  return requests.filter(({ role, command, key }) => {
    const kind = kinds[command];
    if (kind === 'list') return false;
    const patterns: readonly string[] = (kind && (access as Record<string, Access>)[role]?.[kind]) ?? [];
    return !patterns.some((pattern) => matchesName(pattern, key ?? ''));
  });
}
