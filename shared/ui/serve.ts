/** The page over HTTP: on this machine alone, for whoever knows its address, and for reading only. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, UserError } from '../core/errors.ts';
import { asset, contentSecurityPolicy, frame } from './assets.ts';
import type { RunSource } from './listing.ts';
import { comparisonPage, fieldsMarkup, reportPage, runPage } from './pages.ts';
import { type WatchedListing, watchListing } from './watch-listing.ts';

/** A page that is served. */
export interface ServedPage {
  /** The address with the token, without which nothing is answered. */
  readonly url: string;
  close(): Promise<void>;
}

/** No other machine reaches this address. */
const loopback = '127.0.0.1';

/** Names of this machine in an address; any other one was made to point here by somebody else's name server. */
const ownNames = [loopback, 'localhost'];

const headers = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** A report has no scripts, and may run none. */
const reportPolicy = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** An idle stream is kept open by a comment from time to time. */
const beatMs = 20_000;

interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly policy?: string;
}

const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) });
const refusal = (status: number, message: string): Answer => ({ status, type: 'text/plain', body: `${message}\n` });
const notFound = refusal(404, 'There is no such page.');

/** Options of the served page. */
export interface PageOptions {
  /** 0: any free one. */
  readonly port?: number;
  readonly now?: () => Date;
}

/**
 * Serves the page of a source until it is closed.
 * @throws UserError when the port is taken.
 */
export async function servePage(
  source: RunSource,
  { port = 0, now = () => new Date() }: PageOptions = {},
): Promise<ServedPage> {
  const token = randomBytes(16).toString('hex');
  const listing = watchListing(source);
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, refusal(502, messageOf(error)));
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const own = ownNames.map((name) => `${name}:${(server.address() as AddressInfo).port}`);
    if (!own.includes(request.headers.host ?? ''))
      return send(response, refusal(421, 'This page is not of that host.'));
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send(response, refusal(405, 'This page is for reading only.'));
    }
    const url = new URL(request.url ?? '/', `http://${loopback}`);
    const [, given = '', ...path] = url.pathname.split('/');
    if (!isSame(given, token)) {
      return send(response, refusal(403, 'The address lacks its token: open the one that the command printed.'));
    }
    const name = path.join('/');
    if (name === 'events') return stream(listing, request, response);
    return send(response, await answer(source, listing, name, url.searchParams, now));
  }

  await listen(server, port);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${loopback}:${address.port}/${token}/`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const what = cause.code === 'EADDRINUSE' ? 'is taken by another program' : `can't be served on: ${cause.message}`;
      reject(
        new UserError(what, { where: `port ${port}`, remedy: 'Give another --port, or none: any free one.', cause }),
      );
    });
    server.listen(port, loopback, () => resolve());
  });
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, { status = 200, type, body, policy = contentSecurityPolicy }: Answer): void {
  const content = typeof body === 'string' && !type.includes('charset') ? `${type}; charset=utf-8` : type;
  response.writeHead(status, { ...headers, 'Content-Type': content, 'Content-Security-Policy': policy });
  response.end(body);
}

/** Only what the list has can be asked for: no other file of the folder is read. */
async function answer(
  { store, label }: RunSource,
  listing: WatchedListing,
  name: string,
  query: URLSearchParams,
  now: () => Date,
): Promise<Answer> {
  if (name === '') return { type: 'text/html', body: frame(label) };
  if (name.startsWith('app/')) {
    const found = await asset(name.slice('app/'.length));
    return found ? { type: found.type, body: found.bytes } : notFound;
  }
  const id = query.get('id') ?? '';
  const { runs, comparisons } = await listing.current();
  const isRun = runs.some((line) => line.id === id);
  const isComparison = comparisons.some((line) => line.id === id);
  if (name === 'api/run' && isRun) return json(await runPage(store, id, { after: Number(query.get('after') ?? -1) }));
  if (name === 'api/fields' && isRun) return json((await fieldsMarkup(store, id)) ?? null);
  if (name === 'api/comparison' && isComparison) return json(await comparisonPage(store, id));
  if (name === 'report' && (isRun || isComparison)) {
    const kind = isRun ? 'run' : 'comparison';
    const body = await reportPage(store, id, { kind, madeAt: now().toISOString() });
    return body === undefined
      ? refusal(404, 'There is no report yet.')
      : { type: 'text/html', body, policy: reportPolicy };
  }
  return notFound;
}

/** Server-sent events: the list, then what changes in it. */
function stream(listing: WatchedListing, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    ...headers,
    'Content-Type': 'text/event-stream',
    'Content-Security-Policy': contentSecurityPolicy,
  });
  response.write(':\n\n');
  const stop = listing.subscribe((event) => {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  });
  const beat = setInterval(() => response.write(':\n\n'), beatMs);
  beat.unref();
  request.on('close', () => {
    clearInterval(beat);
    stop();
  });
}
