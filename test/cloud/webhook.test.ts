import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { verify } from '../../examples/webhook/verify.ts';
import { parseSecret, publicLookup, sendWebhook, signedHeaders } from '../../shared/cloud/webhook.ts';
import type { RunEvent } from '../../shared/pipeline/run-events.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const key = parseSecret(secret, 'secret');
const event: RunEvent = {
  version: 1,
  id: 'evt_0123',
  kind: 'started',
  service: 'tempbalance',
  run: 'runs/waves-1',
  profile: 'waves',
  comparison: null,
  epoch: 0,
  at: '2026-11-23T00:00:00.000Z',
  epochs: 4,
  resumed: false,
};
const sleeps: number[] = [];
const retries = {
  tries: 3,
  firstWaitMs: 1000,
  longestWaitMs: 8000,
  sleep: async (milliseconds: number) => sleeps.push(milliseconds),
  random: () => 1,
};
afterEach(() => {
  sleeps.length = 0;
});

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver that answers with these, the last of them for all that follow. */
async function receiver(...answers: { status: number; headers?: Record<string, string> }[]) {
  const received: Received[] = [];
  const server = createServer((asked, answer) => {
    let body = '';
    asked.on('data', (text) => {
      body += text;
    });
    asked.on('end', () => {
      received.push({ headers: asked.headers, body });
      const { status, headers = {} } = answers[Math.min(received.length, answers.length) - 1]!;
      answer.writeHead(status, headers).end('thanks');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  /** HTTPS as Node does it, but for TLS and where the name leads. */
  const request = ((_url: string, { lookup: _, ...options }: object & { lookup?: unknown }, answered: () => void) =>
    httpRequest({ ...options, host: '127.0.0.1', port }, answered)) as unknown as typeof httpsRequest;
  const send = (now = new Date()) =>
    sendWebhook(event, { url: 'https://hooks.example.com/runs', key, now: () => now, retries, request });
  return { received, send };
}

describe('the webhook', () => {
  it('posts the event as JSON, signed with its id and the time, as the documented receiver verifies', async () => {
    const { received, send } = await receiver({ status: 204 });
    await send();
    expect(received).toHaveLength(1);
    const [{ headers, body }] = received as [Received];
    expect(JSON.parse(body)).toEqual(event);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'evt_0123' });
    const given = headers as Record<string, string>;
    expect(verify(body, given, secret)).toBe(true);
    expect(verify(body.replace('waves', 'tides'), given, secret)).toBe(false);
    expect(verify(body, { ...given, 'webhook-id': 'evt_9' }, secret)).toBe(false);
    expect(verify(body, given, `whsec_${Buffer.alloc(32, 8).toString('base64')}`)).toBe(false);
    expect(verify(body, { ...given, 'webhook-signature': `v1,AAAA ${given['webhook-signature']}` }, secret)).toBe(true);
    expect(verify(body, {}, secret)).toBe(false);
  });

  it('that is replayed later is refused by the documented receiver', async () => {
    const { received, send } = await receiver({ status: 200 });
    await send(new Date(Date.now() - 301_000));
    const [{ headers, body }] = received as [Received];
    expect(verify(body, headers as Record<string, string>, secret)).toBe(false);
  });

  it('is verified alike in Python, where there is one', (context) => {
    const headers = signedHeaders({ id: event.id, body: '{"a":"ü"}', at: new Date() }, key);
    const script = `import json, sys
sys.path.insert(0, "examples/webhook")
from verify import verify
given = json.load(sys.stdin)
body = given["body"].encode()
print([verify(body, given["headers"], given["secret"]), verify(body + b" ", given["headers"], given["secret"]), verify(body, {}, given["secret"])])`;
    const input = JSON.stringify({ headers, body: '{"a":"ü"}', secret });
    const { status, stdout, error } = spawnSync('python3', ['-B', '-c', script], { input, encoding: 'utf8' });
    if (error) return context.skip('there is no python3 here');
    expect([status, stdout.trim()]).toEqual([0, '[True, False, False]']);
  });

  it.each(['ts', 'py'])(
    'is explained by the receiver of examples/webhook/verify.%s, as the page has it',
    async (language) => {
      const file = await readFile(`examples/webhook/verify.${language}`, 'utf8');
      const [, snippet] = /\[verify\]\n(.*?)\n(?:\/\/|#) \[\/verify\]/s.exec(file)!;
      expect(await readFile('docs/events.md', 'utf8')).toContain(`\n${snippet}\n\`\`\`\n`);
    },
  );

  it('agrees with the example of the specification that it follows', () => {
    // standardwebhooks.com, "Signature scheme": its key, message and time.
    const example = parseSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'example');
    const body = '{"test": 2432232314}';
    const headers = signedHeaders(
      { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body, at: new Date(1_614_265_330_000) },
      example,
    );
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('is tried again after growing waits, signed anew, where the receiver is not well', async () => {
    const { received, send } = await receiver({ status: 503 }, { status: 429 }, { status: 200 });
    await send();
    expect(received).toHaveLength(3);
    expect(sleeps).toEqual([1000, 2000]);
  });

  it('is left to the queue when the receiver refuses it, and a redirect is not followed', async () => {
    const refusing = await receiver({ status: 403 });
    await expect(refusing.send()).rejects.toThrow('hooks.example.com: the webhook answered 403');
    expect(refusing.received).toHaveLength(1);
    const redirecting = await receiver({ status: 302, headers: { location: 'http://169.254.169.254/' } });
    await expect(redirecting.send()).rejects.toThrow('302, a redirect, which is not followed');
    expect(redirecting.received).toHaveLength(1);
  });

  it.each([
    'http://hooks.example.com/',
    'https://127.0.0.1:9001/2018-06-01/runtime',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest',
    'https://localhost/',
    'https://db.internal/',
    'https://user:word@hooks.example.com/',
  ])('is not sent to %s', async (url) => {
    await expect(sendWebhook(event, { url, key, now: () => new Date(), retries })).rejects.toThrow(
      'webhook.url: must ',
    );
  });

  it('is not sent to a name that leads into the own network', async () => {
    const answer = await new Promise((done) => publicLookup('localhost', {}, (error) => done(error)));
    expect(String(answer)).toMatch(/localhost has the address (127\.0\.0\.1|::1), which is none of the internet/);
  });

  it.each(['', 'secret', 'whsec_', 'whsec_c2hvcnQ=', `whsec_${'x'.repeat(40)}!`])('takes no secret %j', (text) => {
    expect(() => parseSecret(text, 'arn:secret')).toThrow('arn:secret: is not whsec_ and a key of at least 24 bytes');
  });
});
