/** The run file of the settings that a comparison recommends. */
import { stringify } from 'yaml';
import { atSize, type ComparisonSettings } from '../../config/comparison.ts';
import type { Recommendation } from '../../decisions/comparison/judgement.ts';

/**
 * The run files of a recommendation, by name: one for each size, with what was tuned at its best value, and all defaults written out.
 * The test data are no longer kept apart: the comparison has used them.
 */
export function winnerRunFiles(
  settings: ComparisonSettings,
  { arm, tried, reason }: Recommendation,
): Map<string, string> {
  const { config } = settings.arms.find(({ name }) => name === arm)!;
  return new Map(
    settings.sizes.map((size) => {
      const value = tried.find((each) => each.size === size)?.value ?? null;
      const { output: _, dataset, ...changed } = atSize(config, settings, { size, tried: value });
      const { test: __, ...data } = dataset;
      const text = `# ${settings.name}: ${arm}. ${reason.replaceAll('\n', ' ')}\n${stringify({ ...changed, dataset: data })}`;
      return [winnerName(size), text];
    }),
  );
}

/** The file of a size's recommended settings. */
export const winnerName = (size: number | null): string => (size === null ? 'winner.yaml' : `winner-${size}.yaml`);
