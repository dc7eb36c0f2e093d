import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { type S3StoreOptions, s3Store } from '../../shared/checkpoints/s3-store.ts';
import { TransientError, UserError } from '../../shared/core/errors.ts';
import { randomFor } from '../../shared/core/random.ts';
import { describeArtifactStore } from '../conformance/artifact-store.ts';
import { describeCommitProtocol } from '../conformance/commit-protocol.ts';
import { chaos, type Fault, type FaultScript, inTurn, internalError, slowDown } from '../support/fault-proxy.ts';
import { mebibyte, startTestS3 } from '../support/s3.ts';

const s3 = await startTestS3();

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textAt = async (store: ArtifactStore, key: string) => {
  const object = await store.get(key);
  return object && new TextDecoder().decode(object.bytes);
};

/** Bytes that differ from part to part. */
const large = Uint8Array.from({ length: 11 * mebibyte + 7 }, (_, index) => (index >> 18) ^ (index * 31));
const sameBytes = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && Buffer.compare(a, b) === 0;

describe.skipIf(!s3)('s3Store', () => {
  const { proxy, client, clientWith, newBucket, unfinishedUploads } = s3 ?? ({} as NonNullable<typeof s3>);
  const newStore = async (changes: Partial<S3StoreOptions> = {}) => s3Store({ ...(await s3!.options()), ...changes });
  const operations = () => proxy.seen.map(({ operation }) => operation);
  const thrownBy = (action: Promise<unknown>) =>
    action.then(
      () => undefined,
      (error) => error,
    );
  const always =
    (operation: string, fault: Fault): FaultScript =>
    (seen) =>
      seen.operation === operation ? fault : undefined;

  describeArtifactStore('s3Store', async () => s3Store({ client, bucket: await newBucket() }));

  describeArtifactStore('s3Store below a prefix', async () => {
    const options = await s3!.options();
    await s3Store(options).put('elsewhere', bytesOf('not ours'));
    return s3Store({ ...options, prefix: 'team/größe' });
  });

  describe('through faults', () => {
    const newStoreInChaos = async () => {
      const store = await newStore();
      proxy.play(chaos(randomFor(11, 'faults'), 0.15));
      return store;
    };
    describeArtifactStore('s3Store', newStoreInChaos);
    describeCommitProtocol('s3Store', newStoreInChaos);
  });

  describe('keys', () => {
    it('lie below the prefix, and nothing else is seen', async () => {
      const options = await s3!.options();
      const store = s3Store({ ...options, prefix: 'team/a' });
      await s3Store(options).put('team/ab', bytesOf('not ours'));
      await store.put('run/x', bytesOf('ours'));
      expect(store.label).toBe(`s3://${options.bucket}/team/a`);
      expect(await store.list('')).toEqual(['run/x']);
      expect(await s3Store(options).list('')).toEqual(['team/a/run/x', 'team/ab']);
    });

    it('are not the marks that consoles leave for folders', async () => {
      const options = await s3!.options();
      await client.send(new PutObjectCommand({ Bucket: options.bucket, Key: 'runs/' }));
      await s3Store(options).put('runs/a', bytesOf('x'));
      expect(await s3Store(options).list('')).toEqual(['runs/a']);
    });

    it.each(['', '/team', 'team/', 'a//b'])('refuses the prefix %j', async (prefix) => {
      await expect(newStore({ prefix })).rejects.toBeInstanceOf(RangeError);
    });
  });

  it('reads and replaces objects that other programs wrote', async () => {
    const options = await s3!.options();
    const store = s3Store(options);
    await client.send(new PutObjectCommand({ Bucket: options.bucket, Key: 'a', Body: 'theirs' }));
    const { bytes, etag } = (await store.get('a'))!;
    expect(new TextDecoder().decode(bytes)).toBe('theirs');
    expect(await store.putIfMatch('a', bytesOf('ours'), etag)).toBeDefined();
    expect(await textAt(store, 'a')).toBe('ours');
  });

  it('names the account that must own the bucket in every request', async () => {
    const store = await newStore({ expectedBucketOwner: '123456789012' });
    proxy.play(() => undefined);
    await useEverything(store);
    const owners = new Set(proxy.seen.map(({ headers }) => headers['x-amz-expected-bucket-owner']));
    expect([...owners]).toEqual(['123456789012']);
  });

  /** Every operation of the store, each with what must come of it. */
  async function useEverything(store: ArtifactStore): Promise<void> {
    const created = await store.putIfAbsent('run/head', bytesOf('one'));
    expect(await store.putIfAbsent('run/head', bytesOf('two'))).toBeUndefined();
    const replaced = await store.putIfMatch('run/head', bytesOf('three'), created!);
    expect(await store.putIfMatch('run/head', bytesOf('four'), created!)).toBeUndefined();
    expect(await store.get('run/head')).toEqual({ bytes: bytesOf('three'), etag: replaced });
    await store.put('run/model', large);
    expect(sameBytes((await store.get('run/model'))!.bytes, large)).toBe(true);
    const source = (await store.open('run/model'))!;
    expect(source.size).toBe(large.length);
    const [start, end] = [4 * mebibyte, 10 * mebibyte + 3];
    expect(sameBytes(await source.read(start, end), large.subarray(start, end))).toBe(true);
    expect(await store.list('run/')).toEqual(['run/head', 'run/model']);
    await store.delete('run/head');
    expect(await store.get('run/head')).toBeUndefined();
  }

  describe('does its work in spite of', () => {
    const everyOperation = [
      ...['GetObject', 'PutObject', 'HeadObject', 'DeleteObject', 'ListObjectsV2'],
      ...['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'],
    ];
    it.each<[what: string, fault: Fault]>([
      ['throttling', slowDown],
      ['errors of the server', internalError],
      ['requests that get lost', { kind: 'lostRequest' }],
      ['replies that get lost', { kind: 'lostReply' }],
      ['replies that break off', { kind: 'cutOff', after: 2 }],
    ])('%s', async (_, fault) => {
      const store = await newStore();
      const scripts = everyOperation.map((operation) => inTurn(operation, fault, fault));
      proxy.play((seen) => scripts.map((script) => script(seen)).find((found) => found !== undefined));
      await useEverything(store);
    });

    it('a clock that is hours wrong', async () => {
      const hours = 5;
      const serverTime = () => Date.now() + 3_600_000 * hours;
      const store = await newStore({ client: clientWith({}) });
      proxy.play(({ headers }) => {
        const signed = String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
        const isSkewed = Math.abs(Date.parse(signed) - serverTime()) > 900_000;
        const date = new Date(serverTime()).toUTCString();
        return isSkewed ? { kind: 'refuse', status: 403, code: 'RequestTimeTooSkewed', headers: { date } } : undefined;
      });
      await useEverything(store);
    });

    it('a server that falls silent', async () => {
      const store = await newStore({ tryTimeoutMs: 500 });
      proxy.play(inTurn('PutObject', { kind: 'silence' }));
      await store.put('a', bytesOf('x'));
      proxy.play(inTurn('GetObject', { kind: 'silence' }));
      expect(await textAt(store, 'a')).toBe('x');
    });
  });

  describe('waits', () => {
    it('at random between nothing and twice as long as before, up to a limit', async () => {
      const waits: number[] = [];
      const shares = [1, 0.5, 0.25, 0, 1];
      const store = await newStore({
        retry: {
          ...{ tries: 6, firstWaitMs: 100, longestWaitMs: 1000 },
          sleep: async (milliseconds) => waits.push(milliseconds),
          random: () => shares[waits.length]!,
        },
      });
      proxy.play(inTurn('PutObject', slowDown, internalError, slowDown, slowDown, slowDown));
      await store.put('a', bytesOf('x'));
      expect(waits).toEqual([100, 100, 100, 0, 1000]);
    });

    it('no more after the last try, and says what was tried, where, and what to do', async () => {
      const store = await newStore({ retry: { tries: 3, sleep: async () => undefined } });
      proxy.play(always('PutObject', slowDown));
      const error = await thrownBy(store.put('run/a', bytesOf('x')));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain('S3 did not do PutObject in 3 tries (SlowDown');
      expect(error.where).toBe(`${store.label}/run/a`);
      expect(error.remedy).toContain('What was committed is intact');
      expect(error.cause.name).toBe('SlowDown');
      expect(operations()).toEqual(['PutObject', 'PutObject', 'PutObject']);
    });
  });

  describe('a conditional write', () => {
    const replace = async (store: ArtifactStore, key: string, bytes: Uint8Array) =>
      store.putIfMatch(key, bytes, (await store.get(key))!.etag);
    const create = (store: ArtifactStore, bytes: Uint8Array) => store.putIfAbsent('a', bytes);
    /** `bytes` in place of what is there. */
    const swap = (store: ArtifactStore, bytes: Uint8Array) => replace(store, 'a', bytes);

    it('whose reply got lost is known to have won, and its tag is that of the object', async () => {
      const store = await newStore();
      proxy.play(inTurn('PutObject', { kind: 'lostReply' }, internalError));
      const created = await create(store, bytesOf('one'));
      expect(created).toBe((await store.get('a'))!.etag);
      proxy.play(inTurn('PutObject', { kind: 'lostReply' }));
      const replaced = await store.putIfMatch('a', bytesOf('two'), created!);
      expect(replaced).toBe((await store.get('a'))!.etag);
      expect(await store.putIfMatch('a', bytesOf('three'), replaced!)).toBeDefined();
    });

    it('is known to have won when the client retries by itself', async () => {
      const store = await newStore({ client: clientWith({ maxAttempts: 3 }) });
      proxy.play(inTurn('PutObject', { kind: 'lostReply' }));
      expect(await create(store, bytesOf('one'))).toBe((await store.get('a'))!.etag);
    });

    it('that lost knows it, though what stands there is the same bytes', async () => {
      const options = await s3!.options();
      const [ours, theirs] = [s3Store(options), s3Store(options)];
      for (const write of [create, swap]) {
        const action = () => write(theirs, bytesOf('same'));
        await (write === swap && ours.put('a', bytesOf('before')));
        let met = 0;
        proxy.play(({ operation }) => {
          if (operation !== 'PutObject' || ++met > 2) return undefined;
          return met === 1 ? { kind: 'lostRequest' } : { kind: 'meanwhile', action };
        });
        expect(await write(ours, bytesOf('same'))).toBeUndefined();
        expect(await textAt(theirs, 'a')).toBe('same');
      }
    });

    it('that won knows it though others have replaced it since, and its tag matches nothing', async () => {
      const options = await s3!.options();
      const [ours, theirs] = [s3Store(options), s3Store(options)];
      const action = async () => {
        proxy.play(() => undefined);
        await swap(theirs, bytesOf('second'));
        await swap(theirs, bytesOf('third'));
      };
      proxy.play(inTurn('PutObject', { kind: 'lostReply' }, { kind: 'meanwhile', action }));
      const tag = await create(ours, bytesOf('first'));
      expect(tag).toBeDefined();
      expect(await ours.putIfMatch('a', bytesOf('fourth'), tag!)).toBeUndefined();
      expect(await textAt(ours, 'a')).toBe('third');
    });

    it('says that it does not know when too many others wrote since', async () => {
      const options = await s3!.options();
      const [ours, theirs] = [s3Store(options), s3Store(options)];
      const action = async () => {
        proxy.play(() => undefined);
        for (let turn = 0; turn < 32; turn++) await swap(theirs, bytesOf(`${turn}`));
      };
      proxy.play(inTurn('PutObject', { kind: 'lostReply' }, { kind: 'meanwhile', action }));
      const error = await thrownBy(create(ours, bytesOf('first')));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain('whether it was written is not known');
      expect(await textAt(ours, 'a')).toBe('31');
    });

    it('that was refused without a doubt asks nothing more', async () => {
      const store = await newStore();
      await store.put('a', bytesOf('x'));
      proxy.play(() => undefined);
      expect(await create(store, bytesOf('y'))).toBeUndefined();
      expect(await store.putIfMatch('b', bytesOf('y'), 'tag')).toBeUndefined();
      expect(operations()).toEqual(['PutObject', 'PutObject']);
    });

    it('is done by exactly one of racers with the same bytes, whatever gets lost', async () => {
      const store = await newStore();
      const random = randomFor(5, 'lost');
      const losses: Fault[] = [{ kind: 'lostReply' }, { kind: 'lostRequest' }];
      for (const round of [0, 1, 2, 3]) {
        const key = `race/${round}`;
        proxy.play(({ operation }) =>
          operation === 'PutObject' && random.uniform() < 0.6 ? losses[random.integer(2)] : undefined,
        );
        const racers = Array.from({ length: 12 }, () => store.putIfAbsent(key, bytesOf('same')));
        const created = (await Promise.all(racers)).filter((tag) => tag !== undefined);
        expect(created).toEqual([(await store.get(key))!.etag]);
        const swaps = Array.from({ length: 12 }, () => store.putIfMatch(key, bytesOf('same, later'), created[0]!));
        const replaced = (await Promise.all(swaps)).filter((tag) => tag !== undefined);
        expect(replaced).toEqual([(await store.get(key))!.etag]);
      }
    });

    it('is tried again when S3 could not decide between racers', async () => {
      const store = await newStore();
      const conflict: Fault = { kind: 'refuse', status: 409, code: 'ConditionalRequestConflict' };
      proxy.play(inTurn('PutObject', conflict, conflict));
      expect(await create(store, bytesOf('x'))).toBe((await store.get('a'))!.etag);
    });
  });

  describe('a multipart upload', () => {
    const lose: Fault = { kind: 'lostReply' };
    const uploadGone: Fault = { kind: 'refuse', status: 404, code: 'NoSuchUpload' };

    it('sends the checksum of every part and of the whole', async () => {
      const store = await newStore();
      proxy.play(() => undefined);
      await store.put('model', large);
      const parts = proxy.seen.filter(({ operation }) => operation === 'UploadPart');
      expect(new Set(parts.map(({ headers }) => headers['x-amz-checksum-crc32'])).size).toBe(3);
      const completion = proxy.seen.find(({ operation }) => operation === 'CompleteMultipartUpload')!;
      expect(completion.headers).toMatchObject({
        'x-amz-checksum-type': 'FULL_OBJECT',
        'x-amz-checksum-crc32': expect.stringMatching(/^.{6}==$/),
        'x-amz-mp-object-size': String(large.length),
      });
    });

    it('sends a part again that was damaged on the way, and no other', async () => {
      const options = await s3!.options();
      proxy.play(inTurn('UploadPart', { kind: 'flippedRequest' }, internalError));
      await s3Store(options).put('model', large);
      expect(operations().filter((operation) => operation === 'UploadPart')).toHaveLength(5);
      expect(sameBytes((await s3Store(options).get('model'))!.bytes, large)).toBe(true);
      expect(await unfinishedUploads(options.bucket)).toEqual([]);
    });

    it('is not taken for done when S3 begins a reply well and then says that it failed', async () => {
      const store = await newStore();
      proxy.play(inTurn('CompleteMultipartUpload', { kind: 'refuse', status: 200, code: 'InternalError' }));
      expect(await store.put('model', large)).toBe((await store.get('model'))!.etag);
    });

    it.each(['UploadPart', 'CompleteMultipartUpload'])('that fails for good at %s leaves nothing', async (failing) => {
      const options = await s3!.options();
      const store = s3Store({ ...options, retry: { ...options.retry, tries: 3 } });
      await store.put('model', bytesOf('before'));
      const abortOnce = inTurn('AbortMultipartUpload', slowDown);
      proxy.play((seen) => (seen.operation === failing ? internalError : abortOnce(seen)));
      const error = await thrownBy(store.put('model', large));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain(failing);
      expect(await unfinishedUploads(options.bucket)).toEqual([]);
      expect(await textAt(store, 'model')).toBe('before');
    });

    it('is conditional like any write, and its loser leaves nothing', async () => {
      const options = await s3!.options();
      const store = s3Store(options);
      const created = await store.putIfAbsent('model', large);
      expect(created).toBe((await store.get('model'))!.etag);
      expect(await store.putIfAbsent('model', large)).toBeUndefined();
      const replaced = await store.putIfMatch('model', large.subarray(1), created!);
      expect(replaced).toBe((await store.get('model'))!.etag);
      expect(await store.putIfMatch('model', large, created!)).toBeUndefined();
      expect(await store.putIfMatch('gone', large, created!)).toBeUndefined();
      expect(await store.list('')).toEqual(['model']);
      expect(await unfinishedUploads(options.bucket)).toEqual([]);
    });

    it.each<[what: string, faults: Fault[]]>([
      ['the condition no longer holds', [lose]],
      ['the upload is gone', [lose, uploadGone]],
    ])('whose completion got lost is known to have won when it is told that %s', async (_, faults) => {
      const store = await newStore();
      const before = await store.put('model', bytesOf('before'));
      proxy.play(inTurn('CompleteMultipartUpload', ...faults));
      const replaced = await store.putIfMatch('model', large, before);
      expect(replaced).toBe((await store.get('model'))!.etag);
      proxy.play(inTurn('CompleteMultipartUpload', ...faults));
      expect(await store.put('model', large.subarray(1))).toBe((await store.get('model'))!.etag);
    });

    it('that another ended is a transient error', async () => {
      const store = await newStore();
      proxy.play(inTurn('CompleteMultipartUpload', uploadGone));
      await expect(store.put('model', large)).rejects.toBeInstanceOf(TransientError);
    });

    it('is begun anew when S3 finds it in conflict with another', async () => {
      const options = await s3!.options();
      const store = s3Store(options);
      const conflict: Fault = { kind: 'refuse', status: 409, code: 'ConditionalRequestConflict' };
      proxy.play(inTurn('CompleteMultipartUpload', conflict));
      expect(await store.putIfAbsent('model', large)).toBe((await store.get('model'))!.etag);
      expect(operations().filter((operation) => operation === 'CreateMultipartUpload')).toHaveLength(2);
      expect(await unfinishedUploads(options.bucket)).toEqual([]);
      proxy.play(always('CompleteMultipartUpload', conflict));
      const error = await thrownBy(store.putIfAbsent('other', large));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain('in conflict with others in 15 tries');
      expect(await unfinishedUploads(options.bucket)).toEqual([]);
    });
  });

  describe('a read', () => {
    const broken: [what: string, fault: Fault][] = [
      ['breaks off', { kind: 'cutOff', after: 700 }],
      ['breaks off at once', { kind: 'cutOff', after: 0 }],
      ['is too short', { kind: 'shortened', to: 700 }],
    ];
    const content = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);

    it.each<[what: string, fault: Fault]>([...broken, ['has a wrong bit', { kind: 'flippedReply' }]])(
      'of an object is never one that %s',
      async (_, fault) => {
        const asksForNoChecksums = clientWith({ responseChecksumValidation: 'WHEN_REQUIRED' });
        const retry = { tries: 3, sleep: async () => undefined };
        const store = await newStore({ client: asksForNoChecksums, retry });
        await store.put('a', content);
        proxy.play(inTurn('GetObject', fault, fault));
        expect((await store.get('a'))!.bytes).toEqual(content);
        expect(operations()).toEqual(['GetObject', 'GetObject', 'GetObject']);
        proxy.play(always('GetObject', fault));
        await expect(store.get('a')).rejects.toBeInstanceOf(TransientError);
      },
    );

    it.each(broken)('of a range is never one that %s', async (_, fault) => {
      const store = await newStore({ retry: { tries: 3, sleep: async () => undefined } });
      await store.put('a', content);
      const source = (await store.open('a'))!;
      proxy.play(inTurn('GetObject', fault, fault));
      expect(await source.read(100, 900)).toEqual(content.subarray(100, 900));
      proxy.play(always('GetObject', fault));
      await expect(source.read(100, 900)).rejects.toBeInstanceOf(TransientError);
    });

    it('in ranges is of the checksum of the whole, or is begun anew', async () => {
      const store = await newStore();
      await store.put('model', large);
      let ranges = 0;
      proxy.play(({ headers }) => (headers.range && ++ranges === 2 ? { kind: 'flippedReply' } : undefined));
      expect(sameBytes((await store.get('model'))!.bytes, large)).toBe(true);
      expect(ranges).toBe(6);
      proxy.play(({ headers }) => (headers.range ? { kind: 'flippedReply' } : undefined));
      const error = await thrownBy(store.get('model'));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain('not of the checksum');
    });

    it('in ranges is of one version, though the object is replaced meanwhile', async () => {
      const options = await s3!.options();
      const store = s3Store(options);
      await store.put('model', large);
      const newer = large.map((byte) => byte ^ 255);
      let ranges = 0;
      const action = async () => {
        proxy.play(() => undefined);
        await store.put('model', newer);
      };
      proxy.play(({ headers }) => (headers.range && ++ranges === 2 ? { kind: 'meanwhile', action } : undefined));
      expect(sameBytes((await store.get('model'))!.bytes, newer)).toBe(true);
    });

    it.each<[what: string, change: (store: ArtifactStore) => Promise<unknown>]>([
      [
        'replaced',
        (store) =>
          store.put(
            'a',
            content.map((byte) => byte ^ 1),
          ),
      ],
      ['deleted', (store) => store.delete('a')],
    ])('of a range fails once the object is %s', async (_, change) => {
      const store = await newStore();
      await store.put('a', content);
      const source = (await store.open('a'))!;
      await change(store);
      const error = await thrownBy(source.read(0, 10));
      expect(error).toBeInstanceOf(TransientError);
      expect(error.message).toContain('was replaced or deleted while it was being read');
      expect(error.where).toBe(`${store.label}/a`);
    });

    it.each([
      [-1, 5],
      [5, 4],
      [0, 1001],
    ])('of [%i, %i), beyond the object, is refused', async (start, end) => {
      const store = await newStore();
      await store.put('a', content);
      await expect((await store.open('a'))!.read(start, end)).rejects.toBeInstanceOf(RangeError);
    });
  });

  describe('says how to mend', () => {
    const everyUse: [what: string, use: (store: ArtifactStore) => Promise<unknown>][] = [
      ['get', (store) => store.get('a')],
      ['open', (store) => store.open('a')],
      ['put', (store) => store.put('a', bytesOf('x'))],
      ['put of a large object', (store) => store.put('a', large)],
      ['putIfAbsent', (store) => store.putIfAbsent('a', bytesOf('x'))],
      ['putIfMatch', (store) => store.putIfMatch('a', bytesOf('x'), 'tag')],
      ['list', (store) => store.list('')],
      ['delete', (store) => store.delete('a')],
    ];

    it.each(everyUse)('a missing bucket, at %s', async (_, use) => {
      const error = await thrownBy(use(await newStore({ bucket: 'no-such-bucket' })));
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(/^s3:\/\/no-such-bucket\/a?: there is no such bucket\n {2}Check its name/);
    });

    it.each<[what: string, permission: string, resource: string]>([
      ['get', 's3:GetObject', '/team/a'],
      ['open', 's3:GetObject', '/team/a'],
      ['put', 's3:PutObject', '/team/a'],
      ['put of a large object', 's3:PutObject', '/team/a'],
      ['list', 's3:ListBucket', ''],
      ['delete', 's3:DeleteObject', '/team/a'],
    ])('a missing permission, at %s', async (what, permission, resource) => {
      const { bucket, ...options } = await s3!.options();
      const store = s3Store({ ...options, bucket, prefix: 'team', expectedBucketOwner: '123456789012' });
      const use = everyUse.find(([name]) => name === what)![1];
      proxy.play(() => ({ kind: 'refuse', status: 403, code: 'AccessDenied' }));
      const error = await thrownBy(use(store));
      expect(error).toBeInstanceOf(UserError);
      expect(error.where).toBe(`s3://${bucket}/team/${what === 'list' ? '' : 'a'}`);
      expect(error.message).toContain('access is denied');
      expect(error.remedy).toContain(`Allow ${permission} on arn:aws:s3:::${bucket}${resource} to`);
      expect(error.remedy).toContain('must belong to account 123456789012');
      expect(error.cause.name).toBe('AccessDenied');
    });

    it.each<[code: string, status: number, said: string, headers?: Record<string, string>]>([
      ['ExpiredToken', 400, 'the AWS credentials have expired\n  Sign in again'],
      ['InvalidAccessKeyId', 403, 'S3 does not know the AWS credentials'],
      ['SignatureDoesNotMatch', 403, 'S3 does not know the AWS credentials'],
      ['PermanentRedirect', 301, 'Set AWS_REGION to eu-west-1.', { 'x-amz-bucket-region': 'eu-west-1' }],
      ['AuthorizationHeaderMalformed', 400, "in another region\n  Set AWS_REGION to the bucket's region."],
      ['RequestTimeTooSkewed', 403, 'the clock of this machine is wrong'],
      ['InvalidObjectState', 403, 'the object is archived'],
      ['KMS.DisabledException', 400, "the bucket's KMS key can't be used (KMS.DisabledException)"],
    ])('%s', async (code, status, said, headers) => {
      const store = await newStore();
      proxy.play(() => ({ kind: 'refuse', status, code, ...(headers && { headers }) }));
      for (const use of [() => store.get('a'), () => store.open('a'), () => store.put('a', bytesOf('x'))]) {
        const error = await thrownBy(use());
        expect(error).toBeInstanceOf(UserError);
        expect(error.message).toContain(said);
      }
    });

    it('a lack of credentials', async () => {
      const credentials = async () => {
        throw Object.assign(new Error('none found'), { name: 'CredentialsProviderError' });
      };
      const error = await thrownBy((await newStore({ client: clientWith({ credentials }) })).get('a'));
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toContain('there are no AWS credentials\n  Sign in');
    });

    it('nothing of a refusal that it does not know, but names it', async () => {
      const store = await newStore();
      proxy.play(() => ({ kind: 'refuse', status: 400, code: 'SomethingNew' }));
      const error = await thrownBy(store.put('a', bytesOf('x')));
      expect(error.name).toBe('RunError');
      expect(error.message).toContain(`${store.label}/a: S3 refused PutObject (SomethingNew: injected)`);
    });
  });
});
