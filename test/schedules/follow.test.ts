import { describe, expect, it } from 'vitest';
import { matchesName } from '../../shared/core/name-pattern.ts';
import { withLayersByName } from '../../shared/schedules/follow.ts';
import type { Layer, LayerKind } from '../../shared/tensors/layer.ts';

function followed(layers: [string, LayerKind][], names: string[]): Record<string, string | undefined> {
  const specs = names.map((name) => ({ name, shape: [1], decay: true }));
  const known = layers.map(([name, kind]): Layer => ({ name, kind, weights: [`${name}.weight`] }));
  return Object.fromEntries(withLayersByName(specs, known).map(({ name, layer }) => [name, layer]));
}

describe('who follows whom by name', () => {
  it('puts a batch norm with its convolution, by name before order', () => {
    const layers: [string, LayerKind][] = [
      ['enc.conv1', 'conv2d'],
      ['enc.conv2', 'conv2d'],
    ];
    const names = ['enc.conv1.weight', 'enc.conv2.weight', 'enc.bn1.weight', 'enc.bn2.bias', 'enc.norm.weight'];
    expect(followed(layers, names)).toEqual({
      'enc.conv1.weight': 'enc.conv1',
      'enc.conv2.weight': 'enc.conv2',
      'enc.bn1.weight': 'enc.conv1',
      'enc.bn2.bias': 'enc.conv2',
      'enc.norm.weight': 'enc.conv2',
    });
  });

  it('puts a norm that comes first in its block with the first layer of the block', () => {
    const names = ['h.0.ln_1.weight', 'h.0.attn.weight', 'h.1.ln_1.weight', 'h.1.attn.weight', 'ln_f.weight'];
    expect(
      followed(
        [
          ['h.0.attn', 'linear'],
          ['h.1.attn', 'linear'],
        ],
        names,
      ),
    ).toMatchObject({ 'h.0.ln_1.weight': 'h.0.attn', 'h.1.ln_1.weight': 'h.1.attn', 'ln_f.weight': undefined });
  });
});

describe('a pattern of names', () => {
  it('takes * for any characters and everything else literally but ?', () => {
    expect(matchesName('encoder.*.dense', 'encoder.layer.0.dense')).toBe(true);
    expect(matchesName('w?', 'w1')).toBe(true);
    expect(matchesName('w?', 'w10')).toBe(false);
    expect(matchesName('a.b', 'axb')).toBe(false);
    expect(matchesName('fc', 'fc1')).toBe(false);
  });
});
