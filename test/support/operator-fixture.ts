import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FieldModel } from '../../shared/models/model.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from './fixtures.ts';

interface Expected {
  readonly settings: { readonly family: string };
  readonly space: readonly number[];
  readonly channels: number;
  readonly window: number;
  readonly statics: number;
  readonly steps: number;
  readonly loss: number;
}

/** An operator with golden numbers: test/fixtures/models/operators/README.md. */
export interface OperatorFixture {
  readonly expected: Expected;
  readonly model: FieldModel;
  readonly parameters: HostTensors;
  /** `values`, `statics`, `grid` */
  readonly inputs: HostTensors;
  readonly predicted: HostTensor;
  readonly gradients: HostTensors;
}

const folder = dirname(fixturePath('models', 'operators', 'README.md'));

export const operatorFixtureNames: readonly string[] = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

export async function readOperatorFixture(name: string): Promise<OperatorFixture> {
  const tensors = async (file: string) =>
    (
      await openSafetensors(await fileSource(fixturePath('models', 'operators', name, `${file}.safetensors`)))
    ).readAll();
  const expected = await readJsonFixture<Expected>('models', 'operators', name, 'expected.json');
  const { space, channels, window, statics } = expected;
  const format = { kind: 'trajectories', space, channels, window, statics } as const;
  return {
    expected,
    model: buildModel(fieldModelSchema.parse(expected.settings), format),
    parameters: await tensors('model'),
    inputs: await tensors('inputs'),
    predicted: (await tensors('predicted')).get('predicted')!,
    gradients: await tensors('gradients'),
  };
}
