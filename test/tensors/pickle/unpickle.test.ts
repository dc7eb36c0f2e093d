import { describe, expect, it } from 'vitest';
import { torchHost } from '../../../shared/tensors/pickle/torch-objects.ts';
import { PickleCutOff, unpickle } from '../../../shared/tensors/pickle/unpickle.ts';

const host = torchHost('a.pt', 100, ({ key, dtype, count }) => ({ kind: 'storage', key, dtype, count, first: 0 }));
const bytesOf = (...parts: readonly string[]) => Buffer.from(parts.join(''), 'latin1');
const pickled = (...parts: readonly string[]) => unpickle(bytesOf(...parts), host).value;
const repeated = (part: string, times: number) => part.repeat(times);

describe('a pickle of plain values', () => {
  it.each([
    ['N.', null],
    ['\x88.', true],
    ['\x80\x02K\x07.', 7],
    ['J\xfe\xff\xff\xff.', -2],
    ['\x8a\x02\x00\x80.', -32768],
    ['\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.', 2n ** 64n],
    ['I01\n.', true],
    ['L12L\n.', 12],
    ['F-inf\n.', Number.NEGATIVE_INFINITY],
    ['G\x3f\xf8\x00\x00\x00\x00\x00\x00.', 1.5],
    ["S'a b'\n.", 'a b'],
    ['\x8c\x02\xc3\xa9.', 'é'],
    ['(K\x01K\x02l.', [1, 2]],
    [']q\x00(K\x01h\x00e.', expect.any(Array)],
    ['}X\x01\x00\x00\x00aK\x01s.', new Map([['a', 1]])],
    ['\x8f(K\x01K\x01\x90.', new Set([1])],
    ['K\x01K\x02\x86.', { kind: 'tuple', items: [1, 2] }],
    ['ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00bK\x02sb.', new Map()],
    ['c_codecs\nencode\nX\x02\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86R.', Buffer.from([255])],
    ['cbuiltins\nset\n(K\x01K\x02l\x85R.', new Set([1, 2])],
  ])('%j', (pickle, value) => {
    expect(pickled(pickle)).toEqual(value);
  });

  it('ends at its stop, and the rest is left', () => {
    expect(unpickle(bytesOf('K\x01.K\x02.'), host)).toEqual({ value: 1, end: 3 });
    expect(unpickle(bytesOf('K\x01.K\x02.'), host, 3)).toEqual({ value: 2, end: 6 });
  });
});

describe('a pickle is refused', () => {
  it.each([
    ['cposix\nsystem\n.', 'a.pt: byte 100 asks for posix.system'],
    ['Ncbuiltins\neval\n.', 'byte 101 asks for builtins.eval'],
    ['\x8c\x02os\x8c\x06system\x93.', 'byte 112 asks for os.system'],
    ['(ios\nsystem\n.', 'asks for os.system'],
    ['cos\n\x1b[31msystem\n.', 'asks for os.\\u001b[31msystem'],
    ['(ccollections\nOrderedDict\no.', 'operation 0x6f is not one'],
    ['cbuiltins\nint\nK\x01\x85R.', 'builtins.int has arguments that it never takes'],
    ['K\x01)R.', 'calls what is no class or function'],
    ['X\x01\x00\x00\x00aQ.', 'refers to an object outside the pickle'],
    ['h\x07.', 'recalls place 7 of the memo'],
    ['0.', 'takes from an empty stack'],
    ['(0.', 'takes from an empty stack'],
    ['t.', 'takes up to a mark that was never set'],
    ['K\x01K\x02s.', 'takes from an empty stack'],
    ['K\x01K\x02K\x03s.', 'sets items of what is no dictionary'],
    ['}(K\x01u.', 'sets items of what is no dictionary'],
    ['\x80\x09.', 'has protocol 9'],
    ['\x8b\xff\xff\xff\x00.', 'holds a number of 16777215 bytes'],
    ['X\x01\x00\x00\x00\xff.', 'not UTF-8'],
    ['ctorch._utils\n_rebuild_tensor_v2\n)R.', 'torch._utils._rebuild_tensor_v2 has arguments that it never takes'],
  ])('%j', (pickle, message) => {
    expect(() => pickled(pickle)).toThrow(message);
    expect(() => pickled(pickle)).toThrow(expect.objectContaining({ name: 'UserError' }));
  });

  it('as cut off where it claims more than there is, before any memory is taken', () => {
    for (const pickle of ['X\xff\xff\xff\xff.', '\x8e\xff\xff\xff\xff\xff\xff\xff\xff.', 'K', '', 'c_codecs\n'])
      expect(() => pickled(pickle)).toThrow(PickleCutOff);
  });
});

describe('a small pickle that would make much of little is refused', () => {
  const tooMany = /holds more than 500000 objects/;

  it('as many containers', () => {
    expect(() => pickled(repeated('}', 600_000), '.')).toThrow(tooMany);
  });

  it('one long list, copied again and again', () => {
    const list = `]q\x00(${repeated('K\x01', 100_000)}e`;
    const copy = 'cbuiltins\nset\nh\x00\x85R';
    expect(pickled(list, copy, '.')).toEqual(new Set([1]));
    const pairs = `]q\x00(${repeated('NN\x86', 50_000)}e`;
    expect(pickled(pairs, '.')).toHaveLength(50_000);
    const distinct = `]q\x00(${Array.from({ length: 60_000 }, (_, i) => `M${String.fromCharCode(i & 255, i >> 8)}`).join('')}e`;
    expect(() => pickled(distinct, repeated(copy, 20), '.')).toThrow(tooMany);
  });

  it('one long text, encoded again and again', () => {
    const text = `X\x00\x00\x10\x00${repeated('a', 2 ** 20)}q\x00X\x06\x00\x00\x00latin1q\x01`;
    expect(() => pickled(text, repeated('c_codecs\nencode\nh\x00h\x01\x86R', 40), '.')).toThrow(tooMany);
  });

  it('while lists within lists, however deep and often, cost their own bytes alone', () => {
    const nested = Array.from(
      { length: 200 },
      (_, level) => `](${repeated(`h${String.fromCharCode(level)}`, 100)}eq${String.fromCharCode(level + 1)}`,
    );
    expect(pickled(']q\x00', ...nested, '.')).toHaveLength(100);
  });
});
