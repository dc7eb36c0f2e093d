/** Preloaded into a process, or called in it: writes down every request to S3, for whom it was. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync } from 'node:fs';
import { S3Client } from '@aws-sdk/client-s3';

/** A request as a policy sees it. */
export interface LoggedRequest {
  readonly role: string;
  readonly command: string;
  readonly key: string | undefined;
}

const roles = new AsyncLocalStorage<string>();

/** Requests within `action` are those of a role. */
export const asRole = <Result>(role: string, action: () => Result): Result => roles.run(role, action);

/** Lets `note` see every request that is made for a role from now on. */
export function logRequests(note: (request: LoggedRequest) => void, always?: string): void {
  const { send } = S3Client.prototype;
  S3Client.prototype.send = function (this: S3Client, ...given: Parameters<typeof send>) {
    const [command] = given as unknown as [{ constructor: { name: string }; input: { Key?: string } }];
    const role = roles.getStore() ?? always;
    if (role !== undefined) note({ role, command: command.constructor.name, key: command.input.Key });
    return send.apply(this, given);
  } as typeof send;
}

const { TEMPBALANCE_TEST_ACCESS_LOG: file, TEMPBALANCE_TEST_ROLE: role } = process.env;
if (file !== undefined && role !== undefined) {
  logRequests((request) => appendFileSync(file, `${JSON.stringify(request)}\n`), role);
}
