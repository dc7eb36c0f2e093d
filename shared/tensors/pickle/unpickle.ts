/**
 * Python's pickles, read without running anything: a machine with a stack and a memo, whose only "calls" are those that its host
 * knows, all of which build plain values. Opcodes: CPython's Lib/pickletools.py, protocols 0 to 5.
 */
import { UserError } from '../../core/errors.ts';
import { isKind, type PickledGlobal, type PickledValue, tuple } from './values.ts';

/** The bytes ended in the middle of a pickle. */
export class PickleCutOff extends Error {}

/** The classes and functions that a pickle may name, and how they are called. */
export interface PickleHost {
  /** Path of the file and, of an archive, the entry. */
  readonly label: string;
  /** Offset in the file of the first byte, in bytes, for messages. */
  readonly origin: number;
  isKnown(global: string): boolean;
  /** What a known class or function gives for these arguments; undefined: it takes no such arguments, or is none. */
  call(global: string, args: readonly PickledValue[]): PickledValue | undefined;
  /** What an object outside the pickle stands for; undefined: none that is known. */
  load(id: PickledValue): PickledValue | undefined;
}

/** Containers, tensors and other objects of one pickle; a state dict of a thousand layers has about ten thousand. */
const maxObjects = 500_000;

/** Bytes of a whole number, and digits of one that is written out. */
const maxIntegerBytes = 256;

interface Machine {
  readonly host: PickleHost;
  /** The next byte to read. */
  at: number;
  /** Offset of the current operation, in bytes. */
  readonly start: number;
  take(count: number): Uint8Array;
  /** A number of so many bytes, the lowest first. */
  whole(bytes: 1 | 2 | 4 | 8): number;
  line(): string;
  push(value: PickledValue): void;
  /** Makes a value that takes more memory than its bytes in the pickle; counts it against the limit. */
  make(value: PickledValue, parts?: number): void;
  pop(): PickledValue;
  top(): PickledValue;
  mark(): void;
  /** Takes the values that were pushed since the last mark off the stack. */
  popMark(): PickledValue[];
  remember(key: number): void;
  recall(key: number): void;
  readonly remembered: number;
}

function malformed({ host, start }: Pick<Machine, 'host' | 'start'>, what: string): UserError {
  return new UserError(`byte ${host.origin + start}: ${what}`, {
    where: host.label,
    remedy: 'The file is damaged: fetch or save it again.',
  });
}

/** The advice for an object that is no plain tensor or container. */
export const saveTensorsAlone =
  'Save the tensors alone in Python: `torch.save(model.state_dict(), "model.pt")`, or write safetensors: `safetensors.torch.save_file(model.state_dict(), "model.safetensors")`.';

/** Everything that is no tensor or container is refused where it is named, before anything refers to it. */
function nameGlobal(machine: Machine, module: string, name: string): PickledGlobal {
  const { host, start } = machine;
  const full = `${module}.${name}`;
  if (host.isKnown(full)) return { kind: 'global', name: full };
  const what = module.startsWith('torch.nn.modules')
    ? 'a part of a whole pickled model'
    : 'no tensor or plain container';
  throw new UserError(
    `byte ${host.origin + start} asks for ${printable(full)}, which is ${what}; nothing of it was run`,
    { where: host.label, remedy: saveTensorsAlone },
  );
}

const printable = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name).slice(1, -1);

function reduce(machine: Machine): void {
  const args = machine.pop();
  const callee = machine.pop();
  if (!isKind(callee, 'global') || !isKind(args, 'tuple'))
    throw malformed(machine, 'calls what is no class or function');
  const made = machine.host.call(callee.name, args.items);
  if (made === undefined) throw malformed(machine, `${callee.name} has arguments that it never takes`);
  machine.make(made, copiedBy(made));
}

/** What a call copies, in objects: a pickle of a few bytes may call many times for the same long list. */
function copiedBy(made: PickledValue): number {
  if (made instanceof Map || made instanceof Set) return made.size;
  return made instanceof Uint8Array ? Math.ceil(made.length / 64) : 0;
}

function load(machine: Machine, id: PickledValue): void {
  const found = machine.host.load(id);
  if (found === undefined)
    throw malformed(machine, 'refers to an object outside the pickle that is no storage of numbers');
  machine.make(found);
}

/** Puts keys and values, one after another, into the dictionary that is on top. */
function setItems(machine: Machine, items: readonly PickledValue[]): void {
  const target = machine.top();
  if (!(target instanceof Map) || items.length % 2 !== 0)
    throw malformed(machine, 'sets items of what is no dictionary');
  for (let at = 0; at < items.length; at += 2) target.set(items[at]!, items[at + 1]!);
}

function append(machine: Machine, items: readonly PickledValue[]): void {
  const target = machine.top();
  if (target instanceof Set) for (const item of items) target.add(item);
  else if (Array.isArray(target)) for (const item of items) target.push(item);
  else throw malformed(machine, 'appends to what is no list or set');
}

/** The state of an object besides its items, such as the versions in a state dict: of containers and tensors, none of it matters here. */
function build(machine: Machine): void {
  machine.pop();
  const target = machine.top();
  if (typeof target !== 'object' || target === null) throw malformed(machine, 'gives a state to a plain value');
}

function dictionary(items: readonly PickledValue[], machine: Machine): Map<PickledValue, PickledValue> {
  if (items.length % 2 !== 0) throw malformed(machine, 'makes a dictionary with a key without a value');
  const made = new Map<PickledValue, PickledValue>();
  for (let at = 0; at < items.length; at += 2) made.set(items[at]!, items[at + 1]!);
  return made;
}

const takeLast = (machine: Machine, count: number): PickledValue[] =>
  Array.from({ length: count }, () => machine.pop()).reverse();

const utf8 = new TextDecoder('utf-8', { fatal: true });
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

function text(machine: Machine, length: number): string {
  const bytes = machine.take(length);
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed(machine, 'holds a text that is not UTF-8');
  }
}

/** A whole number of any size, two's complement, the lowest byte first. */
function integer(machine: Machine, length: number): number | bigint {
  if (length > maxIntegerBytes) throw malformed(machine, `holds a number of ${length} bytes`);
  const bytes = machine.take(length);
  let value = 0n;
  for (let at = length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!);
  return plain(length > 0 && bytes[length - 1]! & 0x80 ? value - (1n << BigInt(8 * length)) : value);
}

const plain = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** A number that is written out; of the oldest protocol, booleans too. */
function written(machine: Machine): PickledValue {
  const line = machine.line().replace(/L$/, '');
  if (line === '00' || line === '01') return line === '01';
  if (!/^[+-]?\d{1,512}$/.test(line)) throw malformed(machine, 'holds a number that is none');
  return plain(BigInt(line.replace(/^\+/, '')));
}

function writtenFloat(machine: Machine): number {
  const line = machine.line();
  const value = Number(line.replace(/^([+-]?)inf$/i, '$1Infinity'));
  if (line === '' || (Number.isNaN(value) && !/^[+-]?nan$/i.test(line))) {
    throw malformed(machine, 'holds a number that is none');
  }
  return value;
}

function slot(machine: Machine): number {
  const line = machine.line();
  if (!/^\d{1,9}$/.test(line)) throw malformed(machine, 'holds a place in the memo that is none');
  return Number(line);
}

function stackedGlobal(machine: Machine): PickledGlobal {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof name !== 'string' || typeof module !== 'string') throw malformed(machine, 'names a class without a name');
  return nameGlobal(machine, module, name);
}

/** Python 2's quoted texts. */
function quoted(machine: Machine): string {
  const line = machine.line();
  const match = /^(['"])([^\\]*)\1$/.exec(line);
  if (!match) throw malformed(machine, 'holds a text that is not quoted, or with escapes');
  return match[2]!;
}

/** The operations by their byte; STOP is handled by the loop. */
const operations: Readonly<Record<string, (machine: Machine) => void>> = {
  '\x80': (machine) => {
    const version = machine.whole(1);
    if (version > 5) throw malformed(machine, `has protocol ${version}, which Python does not know`);
  },
  '\x95': (machine) => void machine.take(8),
  '(': (machine) => machine.mark(),
  '0': (machine) => void machine.pop(),
  '1': (machine) => void machine.popMark(),
  '2': (machine) => machine.push(machine.top()),
  N: (machine) => machine.push(null),
  '\x88': (machine) => machine.push(true),
  '\x89': (machine) => machine.push(false),
  I: (machine) => machine.push(written(machine)),
  L: (machine) => machine.push(written(machine)),
  J: (machine) => machine.push(machine.whole(4) | 0),
  K: (machine) => machine.push(machine.whole(1)),
  M: (machine) => machine.push(machine.whole(2)),
  '\x8a': (machine) => machine.push(integer(machine, machine.whole(1))),
  '\x8b': (machine) => machine.push(integer(machine, machine.whole(4))),
  F: (machine) => machine.push(writtenFloat(machine)),
  G: (machine) => {
    const bytes = machine.take(8);
    machine.push(new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0));
  },
  S: (machine) => machine.push(quoted(machine)),
  T: (machine) => machine.push(latin1(machine.take(machine.whole(4)))),
  U: (machine) => machine.push(latin1(machine.take(machine.whole(1)))),
  V: (machine) => machine.push(machine.line()),
  X: (machine) => machine.push(text(machine, machine.whole(4))),
  '\x8c': (machine) => machine.push(text(machine, machine.whole(1))),
  '\x8d': (machine) => machine.push(text(machine, machine.whole(8))),
  B: (machine) => machine.make(machine.take(machine.whole(4))),
  C: (machine) => machine.make(machine.take(machine.whole(1))),
  '\x8e': (machine) => machine.make(machine.take(machine.whole(8))),
  '\x96': (machine) => machine.make(machine.take(machine.whole(8))),
  ']': (machine) => machine.make([]),
  l: (machine) => machine.make(machine.popMark()),
  a: (machine) => append(machine, [machine.pop()]),
  e: (machine) => append(machine, machine.popMark()),
  ')': (machine) => machine.push(emptyTuple),
  t: (machine) => machine.make(tuple(machine.popMark())),
  '\x85': (machine) => machine.make(tuple(takeLast(machine, 1))),
  '\x86': (machine) => machine.make(tuple(takeLast(machine, 2))),
  '\x87': (machine) => machine.make(tuple(takeLast(machine, 3))),
  '}': (machine) => machine.make(new Map()),
  d: (machine) => machine.make(dictionary(machine.popMark(), machine)),
  s: (machine) => setItems(machine, takeLast(machine, 2)),
  u: (machine) => setItems(machine, machine.popMark()),
  '\x8f': (machine) => machine.make(new Set()),
  '\x90': (machine) => append(machine, machine.popMark()),
  '\x91': (machine) => machine.make(new Set(machine.popMark())),
  g: (machine) => machine.recall(slot(machine)),
  h: (machine) => machine.recall(machine.whole(1)),
  j: (machine) => machine.recall(machine.whole(4)),
  p: (machine) => machine.remember(slot(machine)),
  q: (machine) => machine.remember(machine.whole(1)),
  r: (machine) => machine.remember(machine.whole(4)),
  '\x94': (machine) => machine.remember(machine.remembered),
  c: (machine) => machine.make(nameGlobal(machine, machine.line(), machine.line())),
  '\x93': (machine) => machine.make(stackedGlobal(machine)),
  i: (machine) => {
    const { name } = nameGlobal(machine, machine.line(), machine.line());
    throw malformed(machine, `makes an object of ${name} in a way that PyTorch never does`);
  },
  R: reduce,
  '\x81': reduce,
  b: build,
  P: (machine) => load(machine, machine.line()),
  Q: (machine) => load(machine, machine.pop()),
};
const emptyTuple = tuple([]);

/** For a byte, the operation. */
const byByte = Array.from({ length: 256 }, (_, byte) => operations[String.fromCharCode(byte)]);
const stop = '.'.charCodeAt(0);

/**
 * The value of the pickle that begins at `from`, and where it ends.
 * @throws UserError for a class or function that is not known to the host, by its full name, and for what is malformed
 * @throws PickleCutOff when it does not end within these bytes
 */
export function unpickle(bytes: Uint8Array, host: PickleHost, from = 0): { value: PickledValue; end: number } {
  const stack: PickledValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, PickledValue>();
  let [at, start, objects] = [from, from, 0];
  const floor = () => marks.at(-1) ?? 0;
  const machine: Machine = {
    host,
    get at() {
      return at;
    },
    get start() {
      return start;
    },
    get remembered() {
      return memo.size;
    },
    take(count) {
      if (at + count > bytes.length) throw new PickleCutOff();
      at += count;
      return bytes.subarray(at - count, at);
    },
    whole(size) {
      const taken = machine.take(size);
      let value = 0;
      for (let byte = size - 1; byte >= 0; byte--) value = value * 256 + taken[byte]!;
      return value;
    },
    line() {
      const end = bytes.indexOf(10, at);
      if (end < 0) throw new PickleCutOff();
      return latin1(machine.take(end + 1 - at).subarray(0, -1));
    },
    push: (value) => void stack.push(value),
    make(value, parts = 0) {
      objects += 1 + parts;
      if (objects > maxObjects)
        throw malformed(machine, `holds more than ${maxObjects} objects, too many for a model's weights`);
      stack.push(value);
    },
    pop() {
      if (stack.length <= floor()) throw malformed(machine, 'takes from an empty stack');
      return stack.pop()!;
    },
    top() {
      if (stack.length <= floor()) throw malformed(machine, 'takes from an empty stack');
      return stack.at(-1)!;
    },
    mark: () => void marks.push(stack.length),
    popMark() {
      const first = marks.pop();
      if (first === undefined) throw malformed(machine, 'takes up to a mark that was never set');
      return stack.splice(first);
    },
    remember: (key) => void memo.set(key, machine.top()),
    recall(key) {
      const value = memo.get(key);
      if (value === undefined) throw malformed(machine, `recalls place ${key} of the memo, where nothing is`);
      stack.push(value);
    },
  };
  for (;;) {
    start = at;
    const byte = machine.take(1)[0]!;
    if (byte === stop) return { value: machine.pop(), end: at };
    const operation = byByte[byte];
    if (!operation)
      throw malformed(machine, `operation 0x${byte.toString(16).padStart(2, '0')} is not one of a pickle of tensors`);
    operation(machine);
  }
}
