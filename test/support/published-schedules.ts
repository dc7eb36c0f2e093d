import { type AssignmentConfig, assignmentSchema } from '../../shared/schedules/assignments/registry.ts';
import { readJsonFixture } from './fixtures.ts';

/** Layers of a model, and the rates that the published code gives them. */
export interface PublishedSchedule {
  layer_names: string[];
  alphas: number[];
  base_lr: number;
  base_wd: number;
  params: Record<`${'lr' | 'wd'}_${'min' | 'max'}_ratio` | 'sigmoid_min' | 'sigmoid_max' | 'exp_temp', number>;
  expected: Record<string, number[]>;
  suspicious: Record<string, { neutral_alternative: number[] | null }>;
}

function assignmentOf(published: string, params: PublishedSchedule['params'], target: 'lr' | 'wd'): AssignmentConfig {
  const range = { minFactor: params[`${target}_min_ratio`], maxFactor: params[`${target}_max_ratio`] };
  const byName: Record<string, object> = {
    linear_map: { function: 'linearMap', ...range },
    rank: { function: 'rank', ...range },
    step_rank: { function: 'rank', ...range },
    sigmoid: { function: 'sigmoid', tau: params.exp_temp, sMin: params.sigmoid_min, sMax: params.sigmoid_max },
    std_sigmoid: { function: 'sigmoid', tau: params.exp_temp, sMin: params.sigmoid_min, sMax: params.sigmoid_max },
    sqrt: { function: 'sqrt' },
    log2: { function: 'log2' },
  };
  return assignmentSchema.parse(byName[published]);
}

/** Published key -> what it means to us, e.g. `tb_layer_blocks.wd.rank.layer.mean_normalised`. */
export function settingsOf(key: string, { params }: PublishedSchedule) {
  const inBlocks = /^tb_layer_blocks\.(lr|wd)\.(\w+)\.(block|layer)(\.mean_normalised)?$/.exec(key);
  const [, target, name, unit, normalised] = inBlocks ?? ['', 'lr', key.replace(/^tb_|_mean_normalised$/g, ''), '', ''];
  const short = target as 'lr' | 'wd';
  return {
    target: short,
    assignment: assignmentOf(name!, params, short),
    unit: inBlocks ? (unit === 'block' ? 'block' : 'layerInBlock') : 'layer',
    withinBlock: { minFactor: params[`${short}_min_ratio`], maxFactor: params[`${short}_max_ratio`] },
    normaliseMean: Boolean(normalised) || key.endsWith('mean_normalised'),
  } as const;
}

/** By model. */
export const readPublishedSchedules = () =>
  readJsonFixture<Record<string, PublishedSchedule>>('schedule', 'assignments.json');
