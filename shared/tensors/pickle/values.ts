import type { DType } from '../elements.ts';

/** A class or function that a pickle names; nothing of it is ever imported or called. */
export interface PickledGlobal {
  readonly kind: 'global';
  /** `module.name` */
  readonly name: string;
}

export interface PickledTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickledValue[];
}

/** Numbers of one type in a row, which lie outside the pickle. */
export interface PickledStorage {
  readonly kind: 'storage';
  readonly key: string;
  /** Undefined: bytes of any type. */
  readonly dtype: DType | undefined;
  /** Numbers in it; bytes where it has no type. */
  readonly count: number;
  /** The first of them, where they are a part of those that are stored. */
  readonly first: number;
}

/** A view of a storage. */
export interface PickledTensor {
  readonly kind: 'tensor';
  readonly storage: PickledStorage;
  readonly dtype: DType;
  /** Of the first element, in elements from the begin of what is stored. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements between neighbours of each axis. */
  readonly strides: readonly number[];
}

/** A value in a pickle; lists are arrays, dictionaries maps. */
export type PickledValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickledValue[]
  | Map<PickledValue, PickledValue>
  | Set<PickledValue>
  | PickledTuple
  | PickledGlobal
  | PickledStorage
  | PickledTensor;

export const tuple = (items: readonly PickledValue[]): PickledTuple => ({ kind: 'tuple', items });

/** Whether a value is of this kind. */
export function isKind<Kind extends 'tuple' | 'global' | 'storage' | 'tensor'>(
  value: PickledValue | undefined,
  kind: Kind,
): value is Extract<PickledValue, { kind: Kind }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** The items of a list or a tuple; undefined: it is neither. */
export function itemsOf(value: PickledValue | undefined): readonly PickledValue[] | undefined {
  if (Array.isArray(value)) return value;
  return isKind(value, 'tuple') ? value.items : undefined;
}
