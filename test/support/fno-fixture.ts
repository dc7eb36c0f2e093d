import type { FieldModel } from '../../shared/models/model.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from './fixtures.ts';

interface Expected {
  config: {
    num_channels: number;
    width: number;
    modes: number;
    initial_step: number;
    padding: number;
    spatial_shape: number[];
  };
  one_step: { mse_f64: number; grad_norms_f64: Record<string, number> };
  rollout_3: { sum_of_mse_f64: number; grad_norms_f64: Record<string, number> };
  adam: {
    lr: number;
    weight_decay: number;
    losses_reference_adam_f64: number[];
    losses_torch_adam_f64: number[];
  };
}

/** A Fourier neural operator with reference numbers. */
export interface FnoFixture {
  readonly expected: Expected;
  readonly model: FieldModel;
  readonly parameters: HostTensors;
  /** `[batch, ...space, time, channels]` */
  readonly values: HostTensor;
  readonly grid: HostTensor;
  tensors(file: string): Promise<HostTensors>;
}

export const fnoFixtureNames = ['fno1d_c1', 'fno1d_c3', 'fno2d_c1', 'fno2d_c3'] as const;

export async function readFnoFixture(name: (typeof fnoFixtureNames)[number]): Promise<FnoFixture> {
  const tensors = async (file: string) =>
    (await openSafetensors(await fileSource(fixturePath('models', name, `${file}.safetensors`)))).readAll();
  const expected = await readJsonFixture<Expected>('models', name, 'expected.json');
  const { width, modes, padding, initial_step: window, num_channels: channels, spatial_shape: space } = expected.config;
  const config = fieldModelSchema.parse({ family: name.slice(0, 5), width, modes, padding });
  const model = buildModel(config, { kind: 'trajectories', space, channels, window });
  const inputs = await tensors('inputs');
  return {
    expected,
    model,
    parameters: await tensors('model'),
    values: inputs.get('yy')!,
    grid: inputs.get('grid')!,
    tensors,
  };
}
