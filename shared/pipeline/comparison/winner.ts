/** The run file of the settings that a comparison recommends. */
import { stringify } from 'yaml';
import { type ComparisonSettings, validationRows } from '../../config/comparison.ts';
import { overrideSettings } from '../../config/parse-run-file.ts';
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
      const overrides = [
        ...(value === null || !settings.tuned
          ? []
          : [{ path: settings.tuned.key.split('.'), value, text: `${settings.tuned.key}=${value}` }]),
        ...(size === null
          ? []
          : [{ path: ['dataset', 'samples'], value: size + (validationRows(config) ?? 0), text: 'dataset.samples' }]),
      ];
      const { output: _, dataset, ...changed } = overrideSettings(config, overrides, { label: settings.source });
      const { test: __, ...data } = dataset;
      const text = `# ${settings.name}: ${arm}. ${reason.replaceAll('\n', ' ')}\n${stringify({ ...changed, dataset: data })}`;
      return [winnerName(size), text];
    }),
  );
}

/** The file of a size's recommended settings. */
export const winnerName = (size: number | null): string => (size === null ? 'winner.yaml' : `winner-${size}.yaml`);
