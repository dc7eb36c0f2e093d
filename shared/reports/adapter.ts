import type { AdapterConfig } from '../models/hugging-face/adapter-config.ts';
import type { AdapterSpectra } from '../models/language/settings.ts';

/** The adapter that a run has trained. */
export interface AdapterReport {
  readonly config: AdapterConfig;
  /** The weights that it belongs to. */
  readonly base: { readonly path: string; readonly sha256: string };
  /** The weights of an adapted layer that were analysed. */
  readonly spectra: AdapterSpectra;
  /** Numbers that are trained, and those of the whole model. */
  readonly trained: number;
  readonly all: number;
}

const counted = (count: number) => count.toLocaleString('en-US');

/** `1,234 of 33,219 parameters (3.71 %)` */
export function trainedShare({ trained, all }: Pick<AdapterReport, 'trained' | 'all'>): string {
  return `${counted(trained)} of ${counted(all)} parameters (${Number(((100 * trained) / all).toPrecision(3))} %)`;
}

/** What was adapted how, e.g. `LoRA of rank 8 (alpha 8) on query, value; classifier trained whole`. */
export function describeAdapter({ r, lora_alpha: alpha, ...config }: AdapterConfig): string {
  const details = [
    `alpha ${alpha}`,
    ...(config.use_rslora ? ['rank-stabilised'] : []),
    ...(config.lora_dropout ? [`dropout ${config.lora_dropout}`] : []),
  ];
  const saved = config.modules_to_save ?? [];
  const whole = saved.length > 0 ? `; ${saved.join(', ')} trained whole` : '';
  // Whole names, as they stand for all layers of the blocks, are told as they are within a block.
  const targets = [config.target_modules ?? []].flat().map((name) => name.replace(/^.*\.\d+\./, ''));
  return `LoRA of rank ${r} (${details.join(', ')}) on ${[...new Set(targets)].join(', ')}${whole}`;
}
