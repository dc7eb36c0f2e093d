/** A proxy between an S3 client and moto that does what networks and services do, and keeps promises of S3 that moto breaks. */
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import type { Random } from '../../shared/core/random.ts';

/** What happens to a request. */
export type Fault =
  /** It is answered with an error and never handed on. */
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly code: string;
      readonly headers?: Record<string, string>;
    }
  /** The connection breaks before the server has the request. */
  | { readonly kind: 'lostRequest' }
  /** The server does what it is asked; the connection breaks before its reply comes. */
  | { readonly kind: 'lostReply' }
  /** The reply breaks off after some bytes of its body. */
  | { readonly kind: 'cutOff'; readonly after: number }
  /** The reply has fewer bytes, and says so. */
  | { readonly kind: 'shortened'; readonly to: number }
  /** A bit of the reply's body is wrong, where the reply is no error. */
  | { readonly kind: 'flippedReply' }
  /** A bit of the request's body is wrong. */
  | { readonly kind: 'flippedRequest' }
  /** A list as it was when the same was asked before; where it was never asked, as it is. */
  | { readonly kind: 'stale' }
  /** There is never a reply. */
  | { readonly kind: 'silence' }
  /** Something else happens first. */
  | { readonly kind: 'meanwhile'; readonly action: () => Promise<unknown> };

/** A request as it came, and what S3 calls it. */
export interface SeenRequest {
  readonly operation: string;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Decides what happens to a request; undefined: nothing. */
export type FaultScript = (seen: SeenRequest) => Fault | undefined;

export interface FaultProxy {
  readonly url: string;
  /** All requests since the last `play`. */
  readonly seen: SeenRequest[];
  /** From now on requests are treated so. */
  play(script: FaultScript): void;
  close(): Promise<void>;
}

/** The faults one after another, each for one request of the operation, then none. */
export function inTurn(operation: string, ...faults: Fault[]): FaultScript {
  const left = [...faults];
  return (seen) => (seen.operation === operation ? left.shift() : undefined);
}

export const slowDown: Fault = { kind: 'refuse', status: 503, code: 'SlowDown' };
export const internalError: Fault = { kind: 'refuse', status: 500, code: 'InternalError' };

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function operationOf(method: string, url: string): string {
  const { searchParams: query, pathname } = new URL(url, 'http://s3');
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads';
  if (query.has('uploadId')) {
    const verbs: Record<string, string> = { PUT: 'UploadPart', POST: 'CompleteMultipartUpload' };
    return verbs[method] ?? 'AbortMultipartUpload';
  }
  if (method === 'GET' && query.has('list-type')) return 'ListObjectsV2';
  const isBucket = pathname.split('/').filter(Boolean).length < 2;
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  return `${verb}${isBucket ? 'Bucket' : 'Object'}`;
}

function errorReply(status: number, code: string, headers: Record<string, string> = {}): Reply {
  const body = Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`);
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body };
}

function flip(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const middle = flipped.length >> 1;
  flipped[middle] = (flipped[middle] ?? 0) ^ 1;
  return flipped;
}

/** Hands a request to moto. */
async function handOn(target: string, agent: Agent, seen: SeenRequest, body: Buffer): Promise<Reply> {
  const { 'transfer-encoding': _, expect: __, ...kept } = seen.headers;
  const headers = { ...kept, 'content-length': String(body.length) };
  const asking = request(new URL(seen.url, target), { method: seen.method, headers, agent });
  asking.end(body);
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { status: answer.statusCode!, headers: answer.headers, body: await buffer(answer) };
}

/** S3 refuses a body that is not of the checksum sent with it; moto stores it. */
function isDamaged({ operation, headers }: SeenRequest, body: Buffer): boolean {
  const sent = headers['x-amz-checksum-crc32'];
  if (sent === undefined || !['PutObject', 'UploadPart'].includes(operation)) return false;
  return Buffer.from(String(sent), 'base64').readUInt32BE() !== crc32(body);
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const seen: SeenRequest[] = [];
  let script: FaultScript = () => undefined;
  let lastWrite: Promise<unknown> = Promise.resolve();
  const lists = new Map<string, Reply>();

  /** S3 honours If-Match when an upload is completed; moto does not look at it. */
  async function refusal(asked: SeenRequest): Promise<Reply | undefined> {
    const wanted = asked.headers['if-match'];
    if (asked.operation !== 'CompleteMultipartUpload' || wanted === undefined) return undefined;
    const { host, authorization } = asked.headers;
    const head = { ...asked, method: 'HEAD', url: asked.url.split('?')[0]!, headers: { host, authorization } };
    const current = await handOn(target, agent, head, Buffer.alloc(0));
    if (current.status === 404) return errorReply(404, 'NoSuchKey');
    return current.headers.etag === wanted ? undefined : errorReply(412, 'PreconditionFailed');
  }

  async function serve(asked: SeenRequest, body: Buffer): Promise<Reply> {
    if (isDamaged(asked, body)) return errorReply(400, 'BadDigest');
    return (await refusal(asked)) ?? handOn(target, agent, asked, body);
  }

  /** S3's conditional writes are atomic; moto looks first and writes then, so it gets one write at a time. */
  function serveInOrder(asked: SeenRequest, body: Buffer): Promise<Reply> {
    if (asked.method === 'GET' || asked.method === 'HEAD') return serve(asked, body);
    const reply = lastWrite.then(() => serve(asked, body));
    lastWrite = reply.catch(() => undefined);
    return reply;
  }

  function send(response: ServerResponse, asked: SeenRequest, reply: Reply, length = reply.body.length): void {
    const { 'transfer-encoding': _, connection: __, ...kept } = reply.headers;
    // A HEAD's reply tells the length of a body that does not come.
    const headers = asked.method === 'HEAD' ? kept : { ...kept, 'content-length': String(length) };
    response.writeHead(reply.status, headers);
  }

  async function answer(asked: SeenRequest, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = script(asked);
    const body = await buffer(incoming);
    const breakOff = () => incoming.socket.destroy();
    if (fault?.kind === 'lostRequest') return void breakOff();
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'meanwhile') await fault.action();
    const former = lists.get(asked.url);
    const reply =
      fault?.kind === 'refuse'
        ? errorReply(fault.status, fault.code, fault.headers)
        : fault?.kind === 'stale' && former
          ? former
          : await serveInOrder(asked, fault?.kind === 'flippedRequest' ? flip(body) : body);
    if (asked.operation === 'ListObjectsV2' && reply.status === 200) lists.set(asked.url, reply);
    switch (fault?.kind) {
      case 'lostReply':
        return void breakOff();
      case 'cutOff':
        send(response, asked, reply);
        response.write(reply.body.subarray(0, fault.after), breakOff);
        return;
      case 'shortened':
        send(response, asked, reply, Math.min(fault.to, reply.body.length));
        response.end(reply.body.subarray(0, fault.to));
        return;
      default:
        send(response, asked, reply);
        response.end(fault?.kind === 'flippedReply' && reply.status < 300 ? flip(reply.body) : reply.body);
    }
  }

  const server = createServer((incoming, response) => {
    const { method = '', url = '', headers } = incoming;
    const asked = { operation: operationOf(method, url), method, url, headers };
    seen.push(asked);
    answer(asked, incoming, response).catch(() => incoming.socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    play(next) {
      script = next;
      seen.length = 0;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

/** Faults by chance, of every kind that a store must see through, for a share of all requests. */
export function chaos(random: Random, share: number): FaultScript {
  return ({ operation, headers }) => {
    if (random.uniform() >= share) return undefined;
    const faults: Fault[] = [slowDown, internalError, { kind: 'lostRequest' }, { kind: 'lostReply' }];
    if (operation !== 'HeadObject') faults.push({ kind: 'cutOff', after: random.integer(2000) });
    if (operation === 'GetObject') faults.push({ kind: 'shortened', to: random.integer(2) });
    if (operation === 'GetObject' && headers.range === undefined) faults.push({ kind: 'flippedReply' });
    if (operation === 'PutObject' || operation === 'UploadPart') faults.push({ kind: 'flippedRequest' });
    return faults[random.integer(faults.length)];
  };
}
