/** Answers which layers of a run are trained most and least. */
import { formatCount, formatFixed } from '../format.ts';
import type { RunReport } from '../report-input.ts';
import { rankedLayers, trainedLayers } from '../trained-layers.ts';

/** More sets of layers of one shape than these are left to the table. */
const mostSets = 3;

/** Layers that are trained most and least, in sentences; none where no layer has an exponent. */
export function layersAnswer(run: RunReport): string[] {
  const { epoch, layers } = trainedLayers(run);
  if (layers.length === 0) return [];
  const sets = rankedLayers(run);
  if (sets.length === 0) {
    return layers.some(({ alpha }) => alpha !== null)
      ? [
          'No two analysed layers have one shape, on which alpha depends too, so they can’t be ranked: balance.farms measures an alpha that can.',
        ]
      : ['No layer has a fit: see the remarks.'];
  }
  const when = `At epoch ${epoch}${epoch === run.best?.epoch ? ', the best' : ''}, by ${sets[0]!.shape === null ? 'alpha by FARMS' : 'alpha among layers of one shape'}:`;
  const flagged = (['over-trained', 'under-trained'] as const).flatMap((flag) => {
    const count = layers.filter((layer) => layer.flag === flag).length;
    return count > 0
      ? [
          `${count} of ${formatCount(layers.length, 'layer')} ${count === 1 ? 'is' : 'are'} flagged ${flag} (see the remarks).`,
        ]
      : [];
  });
  return [
    when,
    ...sets.slice(0, mostSets).map(({ shape, layers: ranked }) => {
      const [most, least] = [ranked[0]!, ranked.at(-1)!];
      const of = `${shape === null ? 'of' : `${shape},`} ${formatCount(ranked.length, 'layer')}`;
      return `${of}: least trained ${least.name} (${formatFixed(least.alpha)}), most trained ${most.name} (${formatFixed(most.alpha)}).`;
    }),
    ...(sets.length > mostSets ? [`${sets.length - mostSets} further shapes: see Layers in numbers.`] : []),
    ...flagged,
  ];
}
