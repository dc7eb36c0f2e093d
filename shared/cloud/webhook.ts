/** Events of runs to an address of the customer's, signed as standardwebhooks.com says. */
import { createHmac } from 'node:crypto';
import { type LookupAddress, lookup as resolve } from 'node:dns';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { messageOf, TransientError, UserError } from '../core/errors.ts';
import { addressInUrl, isPublicAddress, problemWithUrl } from '../core/public-address.ts';
import { type RetrySettings, withRetries } from '../core/retry.ts';
import type { RunEvent } from '../pipeline/run-events.ts';

/** Bytes of a key that are taken: below them it could be guessed. */
const leastKeyBytes = 24;

/** @throws UserError when the secret is not `whsec_` and a key in base64. */
export function parseSecret(secret: string, where: string): Buffer {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})\s*$/.exec(secret) ?? [];
  const key = Buffer.from(base64 ?? '', 'base64');
  if (key.length >= leastKeyBytes) return key;
  throw new UserError(`is not whsec_ and a key of at least ${leastKeyBytes} bytes in base64`, {
    where,
    remedy: 'Make one by: echo "whsec_$(openssl rand -base64 32)"',
  });
}

/** The headers by which a receiver knows that a body is from us, whole, and new. */
export function signedHeaders({ id, body, at }: { id: string; body: string; at: Date }, key: Buffer) {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
}

export interface WebhookSettings {
  readonly url: string;
  readonly key: Buffer;
  readonly now: () => Date;
  readonly retries: RetrySettings;
  /** The function that sends requests; absent: Node's own. */
  readonly request?: typeof httpsRequest;
}

/** The longest time of a receiver's answer, in ms. */
const timeoutMs = 10_000;

/**
 * Sends an event and waits for the receiver to have taken it: an answer from 200 to 299.
 * @throws TransientError when it was not taken, so that it is sent again later.
 */
export async function sendWebhook(event: RunEvent, settings: WebhookSettings): Promise<void> {
  const problem = problemWithUrl(settings.url);
  if (problem) throw new UserError(problem, { where: 'webhook.url' });
  const body = JSON.stringify(event);
  const attempt = async () => {
    const headers = signedHeaders({ id: event.id, body, at: settings.now() }, settings.key);
    const { status, location } = await post(body, headers, settings).catch((cause: unknown) => {
      throw new TransientError(`the webhook could not be reached: ${messageOf(cause)}`, {
        where: hostOf(settings),
        cause,
      });
    });
    if (status >= 200 && status < 300) return;
    const what = location === undefined ? '' : ', a redirect, which is not followed: set webhook.url to where it leads';
    const refused = new TransientError(`the webhook answered ${status}${what}`, { where: hostOf(settings) });
    throw Object.assign(refused, { soon: status >= 500 || status === 429 || status === 408 });
  };
  await withRetries(attempt, (error) => (error as { soon?: boolean }).soon !== false, settings.retries);
}

const hostOf = ({ url }: WebhookSettings) => new URL(url).host;

function post(body: string, headers: Record<string, string>, settings: WebhookSettings): Promise<Answer> {
  const { url, request = httpsRequest } = settings;
  const address = addressInUrl(new URL(url));
  return new Promise((done, fail) => {
    const sending = request(
      url,
      {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'tempbalance' },
        // A name is looked up once: the address that was judged is the one that is connected to.
        ...(address === undefined ? { lookup: publicLookup } : {}),
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (answer) => {
        const { statusCode: status = 0 } = answer;
        const location = status >= 300 && status < 400 ? answer.headers.location : undefined;
        // What it says besides is not read.
        answer.destroy();
        done({ status, location });
      },
    );
    sending.on('error', fail);
    sending.end(body);
  });
}

/** Looks a name up; it has no address where one of those that it has is none of the internet. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
    const refuse = (problem: Error) => callback(problem as NodeJS.ErrnoException, '', 4);
    if (error) return refuse(error);
    const inside = found.find(({ address }) => !isPublicAddress(address));
    if (inside)
      return refuse(new Error(`${hostname} has the address ${inside.address}, which is none of the internet`));
    const [first] = found;
    if (!first) return refuse(new Error(`${hostname} has no address`));
    if (options.all) callback(null, found);
    else callback(null, first.address, first.family);
  });
};
