import { describeReinitialised } from '../../models/hugging-face/reinitialise.ts';
import { formatRanges } from '../format.ts';
import { html } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { analysedEpochs } from '../runs.ts';
import type { Section } from '../section.ts';

/** Everything to be wary of in a run, each said once, with the epochs and layers it concerns. */
function remarksOf(run: RunReport): string[] {
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
      const who = layers.size > 0 ? `${[...layers].join(', ')}: ` : '';
      return `${who}${text.replace(/\.$/, '')} (epoch${new Set(epochs).size > 1 ? 's' : ''} ${formatRanges(epochs)}).`;
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

/** Layers whose alpha at the last analysis lies outside the range in which the theory was found to hold. */
function unusualAlphas(run: RunReport): string[] {
  const last = analysedEpochs(run).at(-1);
  if (!last) return [];
  // The theory is about matrices: alphas of the rows of a Conv1d lie elsewhere.
  const layers = last.spectra.layers.filter(({ kind }) => !(run.conv1d === 'rows' && kind === 'conv1d'));
  const named = (test: (alpha: number) => boolean) =>
    layers.filter(({ alpha }) => alpha !== null && test(alpha)).map(({ name }) => name);
  const low = named((alpha) => alpha < 2);
  const high = named((alpha) => alpha > 6);
  return [
    ...(low.length > 0
      ? [
          `${low.join(', ')}: alpha below 2 at epoch ${last.epoch}, which may mean over-training (or too few eigenvalues to tell).`,
        ]
      : []),
    ...(high.length > 0
      ? [
          `${high.join(', ')}: alpha above 6 at epoch ${last.epoch}, a light tail: the layer has learnt little, or is not well described by a power law.`,
        ]
      : []),
  ];
}
