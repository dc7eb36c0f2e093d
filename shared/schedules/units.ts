import { mean } from '../core/statistics/sample.ts';

/** What shares one factor: every layer by itself, a transformer block, or every layer within the range of its block. */
export const balanceUnits = ['layer', 'block', 'layerInBlock'] as const;
export type BalanceUnit = (typeof balanceUnits)[number];

/** A layer and its value of the metric. */
export interface LayerValue {
  readonly name: string;
  readonly value: number;
  /** Shape of the layer's weight. */
  readonly shape: readonly number[];
}

/** Layers that are assigned one factor together. */
export interface LayerGroup {
  /** The layer's name or the block's number, for messages. */
  readonly name: string;
  /** Mean over the members. */
  readonly value: number;
  /** Positions in the list of layers. */
  readonly members: readonly number[];
}

/**
 * The block that a dotted name belongs to: the first component of digits with something on both sides. An encoder-decoder numbers the blocks
 * of both from 0: those of the decoder are told apart.
 */
function blockOf(name: string): string | undefined {
  const found = /(decoder\.[^.\d]+)?\.(\d+)\./.exec(name);
  return found?.[1] === undefined ? found?.[2] : `${found[2]} of the decoder`;
}

/** What a layer shares its factor with: itself, or its block; undefined for layers outside blocks where these are wanted. */
export const unitOf = (name: string, unit: BalanceUnit): string | undefined =>
  unit === 'layer' ? name : blockOf(name);

/** Whether a layer of that name belongs to something that gets a factor. */
export const hasUnit = (name: string, unit: BalanceUnit): boolean => unitOf(name, unit) !== undefined;

/** Groups by unit, in order of first appearance; layers outside blocks are in no group when the unit needs a block. */
export function groupLayers(layers: readonly LayerValue[], unit: BalanceUnit): LayerGroup[] {
  const members = new Map<string, number[]>();
  layers.forEach(({ name }, position) => {
    const key = unit === 'layer' ? `${position}` : blockOf(name);
    if (key === undefined) return;
    members.set(key, [...(members.get(key) ?? []), position]);
  });
  return [...members].map(([key, positions]) => ({
    name: unit === 'layer' ? layers[positions[0]!]!.name : `block ${key}`,
    value: mean(positions.map((position) => layers[position]!.value)),
    members: positions,
  }));
}
