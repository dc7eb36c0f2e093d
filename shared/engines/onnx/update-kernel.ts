/**
 * A program by element as one WebAssembly function: every number is read once, taken through all that is computed of it, and written once. ONNX Runtime
 * would go over the memory once for each operator. Source of the format: WebAssembly Core Specification 2.0.
 */
import type { Term, UpdateOperator, UpdateProgram } from './fused-updates.ts';

/** The part of the runtime's WebAssembly interface that is used here. */
interface WebAssemblyApi {
  readonly Memory: new (size: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => { readonly buffer: SharedArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

const { Memory, Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

/** Memory that kernels compute in and threads share. It can be sent to another thread. */
export type KernelMemory = InstanceType<typeof Memory>;

/** Of the function's arguments: bytes of a tensor, then addresses of what is read, then of what is written, then scalars. */
type Kernel = (...given: readonly number[]) => void;

const pageBytes = 2 ** 16;

/** More can't be addressed. A power of two, which a 32-bit float holds. */
const mostMemoryBytes = 2 ** 31;

/** A kernel takes four numbers at a time. */
export const vectorBytes = 16;

/** @throws RangeError when the system has no address space left for it */
export function kernelMemory(bytes: number): KernelMemory {
  const pages = Math.ceil(bytes / pageBytes);
  return new Memory({ initial: pages, maximum: pages, shared: true });
}

/** Bytes of the largest memory; 0 where there is no address space for memories. */
export function largestMemory(): number {
  try {
    kernelMemory(1);
    return mostMemoryBytes;
  } catch {
    return 0;
  }
}

const [i32, f32, v128] = [0x7f, 0x7d, 0x7b];

/** LEB128, unsigned. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 128) return [...bytes, left];
    bytes.push((left & 127) | 128);
  }
}

const list = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];
const name = (text: string): number[] => list([...new TextEncoder().encode(text)].map((byte) => [byte]));

const get = (local: number) => [0x20, ...leb(local)];
const set = (local: number) => [0x21, ...leb(local)];
const vector = (opcode: number) => [0xfd, ...leb(opcode)];
/** Limits of a memory that threads share. */
const sharedUpTo = (pages: number) => [3, 0, ...leb(pages)];
const aligned = [4, 0];
const load = [...vector(0x00), ...aligned];
const store = [...vector(0x0b), ...aligned];
const splat = vector(0x13);
const constant = (value: number) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer), ...splat];

const opcodes: Readonly<Record<UpdateOperator, number>> = {
  Abs: 0xe0,
  Neg: 0xe1,
  Sqrt: 0xe3,
  Add: 0xe4,
  Sub: 0xe5,
  Mul: 0xe6,
  Div: 0xe7,
};

/** The program as a module that takes a memory `env.memory` and gives a function `update`. */
function encodeKernel({ tensors, scalars, instructions, results }: UpdateProgram): Uint8Array {
  const firstScalar = 1 + tensors + results.length;
  const at = firstScalar + scalars;
  const firstTensorLocal = at + 1;
  const firstScalarLocal = firstTensorLocal + tensors;
  const firstResultLocal = firstScalarLocal + scalars;
  const constants = [...instructions.flatMap(({ operands }) => operands), ...results].filter(
    (each) => 'constant' in each,
  );
  const firstConstantLocal = firstResultLocal + instructions.length;
  const locals = tensors + scalars + instructions.length + constants.length;
  const numbered = Array.from({ length: Math.max(tensors, scalars, results.length) }, (_, index) => index);

  const changes: boolean[] = [];
  for (const { operands } of instructions) {
    changes.push(operands.some((each) => 'tensor' in each || ('result' in each && changes[each.result]!)));
  }
  const take = (term: Term): number[] => {
    if ('tensor' in term) return get(firstTensorLocal + term.tensor);
    if ('scalar' in term) return get(firstScalarLocal + term.scalar);
    if ('result' in term) return get(firstResultLocal + term.result);
    return get(firstConstantLocal + constants.indexOf(term));
  };
  const compute = (inLoop: boolean) =>
    instructions.flatMap(({ operator, operands }, index) =>
      changes[index] === inLoop
        ? [...operands.flatMap(take), ...vector(opcodes[operator]), ...set(firstResultLocal + index)]
        : [],
    );
  const address = (argument: number) => [...get(1 + argument), ...get(at), 0x6a]; // i32.add

  const body = [
    ...numbered
      .slice(0, scalars)
      .flatMap((index) => [...get(firstScalar + index), ...splat, ...set(firstScalarLocal + index)]),
    ...constants.flatMap((each, index) => [...constant(each.constant), ...set(firstConstantLocal + index)]),
    ...compute(false),
    ...[0x03, 0x40], // loop
    ...numbered.slice(0, tensors).flatMap((index) => [...address(index), ...load, ...set(firstTensorLocal + index)]),
    ...compute(true),
    ...results.flatMap((result, index) => [...address(tensors + index), ...take(result), ...store]),
    ...[...get(at), 0x41, vectorBytes, 0x6a, ...set(at)],
    ...[...get(at), ...get(0), 0x49, 0x0d, 0], // i32.lt_u, br_if
    ...[0x0b, 0x0b],
  ];
  const code = [
    ...list([
      [1, i32],
      [...leb(locals), v128],
    ]),
    ...body,
  ];
  const parameters = [...Array(firstScalar).fill(i32), ...Array(scalars).fill(f32)].map((type: number) => [type]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([[0x60, ...list(parameters), ...list([])]])),
    ...section(2, list([[...name('env'), ...name('memory'), 2, ...sharedUpTo(mostMemoryBytes / pageBytes)]])),
    ...section(3, list([[0]])),
    ...section(7, list([[...name('update'), 0, 0]])),
    ...section(10, list([[...leb(code.length), ...code]])),
  ]);
}

const modules = new Map<string, object>();

/** The program's kernel on a memory; programs of most parameters are alike, and compiled once. */
export function kernelOf(program: UpdateProgram, memory: KernelMemory): Kernel {
  const key = JSON.stringify(program);
  const module = modules.get(key) ?? new Module(encodeKernel(program));
  modules.set(key, module);
  return (new Instance(module, { env: { memory } }).exports as { readonly update: Kernel }).update;
}
