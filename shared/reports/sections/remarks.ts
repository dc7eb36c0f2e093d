import { describeReinitialised } from '../../models/hugging-face/reinitialise.ts';
import { flagRules } from '../../spectra/flags.ts';
import { formatRanges } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';
import { trainedLayers } from '../trained-layers.ts';

/** More layers than these are folded away behind the first of them. */
const MOST_NAMES = 8;

/** A remark on layers: all are named, and folded away where they are many. */
function aboutLayers(names: readonly string[], text: string): Markup {
  if (names.length <= MOST_NAMES) return html`${names.join(', ')}: ${text}`;
  return html`<details><summary>${names.length} layers: ${text}</summary>${names.join(', ')}</details>`;
}

/** Everything to be wary of in a run, each said once, with the epochs and layers it concerns. */
function remarksOf(run: RunReport): (string | Markup)[] {
  const flagged = new Map<string, { layers: Set<string>; epochs: number[] }>();
  const add = (text: string, epoch: number, layer?: string) => {
    const entry = flagged.get(text) ?? { layers: new Set<string>(), epochs: [] };
    if (layer) entry.layers.add(layer);
    entry.epochs.push(epoch);
    flagged.set(text, entry);
  };
  for (const { epoch, spectra, rates } of run.epochs) {
    for (const layer of spectra?.layers ?? []) for (const flag of layer.flags) add(flag, epoch, layer.name);
    for (const warning of rates?.warnings ?? []) add(warning, epoch);
  }
  return [
    ...outcome(run),
    ...(run.reinitialised ? [`Before training, ${describeReinitialised(run.reinitialised)} from the seed.`] : []),
    ...[...flagged].map(([text, { layers, epochs }]) => {
      const said = `${text.replace(/\.$/, '')} (epoch${new Set(epochs).size > 1 ? 's' : ''} ${formatRanges(epochs)}).`;
      return layers.size > 0 ? aboutLayers([...layers], said) : said;
    }),
    ...unusualAlphas(run),
  ];
}

/** Of more runs than these the remarks are folded away, but for runs that diverged or failed. */
const MOST_OPEN = 4;

export const remarksSection: Section = {
  name: 'remarks',
  title: 'Remarks and warnings',
  howToRead: 'What the analysis could not measure or what should be read with care, each with the epochs it concerns.',
  render({ runs }) {
    const parts = runs.flatMap((run) => {
      const remarks = remarksOf(run);
      if (remarks.length === 0) return [];
      const list = html`<ul>${remarks.map((remark) => html`<li>${remark}</li>`)}</ul>`;
      if (runs.length <= MOST_OPEN) return [html`${runs.length > 1 ? html`<h3>${run.name}</h3>` : null}${list}`];
      const isTrouble = outcome(run).length > 0;
      return [html`<details${isTrouble ? html` open` : null}><summary>${run.name}</summary>${list}</details>`];
    });
    return parts.length > 0 ? html`${parts}` : null;
  },
};

function outcome({ status, reason }: RunReport): string[] {
  if (status === 'diverged') {
    return [
      `The run diverged${reason ? ` (${reason.replace(/\.$/, '')})` : ''}: try a smaller base learning rate, a longer warm-up or gentler multipliers.`,
    ];
  }
  return status === 'failed' ? [`The run failed${reason ? `: ${reason.replace(/\.$/, '')}` : ''}.`] : [];
}

/** Layers that the thresholds of alpha say something of. */
function unusualAlphas(run: RunReport): Markup[] {
  const flagged = trainedLayers(run);
  return flagRules.flatMap(({ name: flag, rule, meaning }) => {
    const named = flagged.layers.filter((layer) => layer.flag === flag).map(({ name }) => name);
    return named.length > 0 ? [aboutLayers(named, `${flag} at epoch ${flagged.epoch}, ${rule}. ${meaning}`)] : [];
  });
}
