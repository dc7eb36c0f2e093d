/** From the runs that count to a table and a picture. */
import * as Plot from '@observablehq/plot';
import { meanAndSpread } from '../../examples/statistics.ts';
import type { Trained } from '../../examples/train.ts';
import { type PairedTest, pairedTest } from '../../shared/core/statistics/paired.ts';
import { mean, standardDeviation } from '../../shared/core/statistics/sample.ts';
import { renderSvg } from '../../shared/reports/svg.ts';
import { type Arm, arms } from './plan.ts';

/** What is known of one size of the labelled data. */
export interface LevelResult {
  readonly perLabel: number;
  /** Labelled documents that a model learnt from. */
  readonly rows: number;
  /** Share of the labelled documents there are. */
  readonly share: number;
  /** Chosen on validation documents. */
  readonly rate: Readonly<Record<Arm, number>>;
  /** Of every seed, in the order of the seeds. */
  readonly runs: Readonly<Record<Arm, readonly Trained[]>>;
}

interface ArmSummary {
  readonly mean: number;
  readonly standardDeviation: number;
  /** Mean over the runs of the spread of alpha over layers, before and after; null where a run had none. */
  readonly alphaSpread: { readonly first: number | null; readonly last: number | null };
}

export interface LevelSummary extends Record<Arm, ArmSummary> {
  readonly perLabel: number;
  /** Balanced minus plain, accuracy on test documents after the last epoch. */
  readonly difference: PairedTest;
}

/** Accuracies of an arm; a run that diverged is as good as one that is never right. */
const accuracies = (runs: readonly Trained[]): number[] => runs.map(({ last }) => last ?? 0);

const meanOrNull = (values: readonly (number | null)[]): number | null =>
  values.some((value) => value === null) ? null : mean(values as readonly number[]);

/** Means, spreads and the paired test of a level. */
export function summarise({ perLabel, runs }: LevelResult): LevelSummary {
  const arm = (results: readonly Trained[]): ArmSummary => ({
    mean: mean(accuracies(results)),
    standardDeviation: standardDeviation(accuracies(results)),
    alphaSpread: {
      first: meanOrNull(results.map(({ alphaSpread }) => alphaSpread.first)),
      last: meanOrNull(results.map(({ alphaSpread }) => alphaSpread.last)),
    },
  });
  return {
    perLabel,
    plain: arm(runs.plain),
    balanced: arm(runs.balanced),
    difference: pairedTest(accuracies(runs.plain), accuracies(runs.balanced)),
  };
}

const fixed = (value: number | null, digits: number) => (value === null ? '–' : value.toFixed(digits));

/** The table of a study, in Markdown. */
export function markdownTable(levels: readonly LevelResult[]): string {
  const header = [
    'documents a label',
    'rows (share)',
    'plain: rate',
    'accuracy',
    'alpha spread',
    'balanced: rate',
    'accuracy',
    'alpha spread',
    'difference',
    'p',
  ];
  const rows = levels.map((level) => {
    const summary = summarise(level);
    const { difference } = summary;
    const ofArm = (arm: Arm) => {
      const { first, last } = summary[arm].alphaSpread;
      return [
        String(level.rate[arm]),
        meanAndSpread(accuracies(level.runs[arm])),
        `${fixed(first, 2)} → ${fixed(last, 2)}`,
      ];
    };
    return [
      String(level.perLabel),
      `${level.rows} (${(100 * level.share).toFixed(1)} %)`,
      ...arms.flatMap(ofArm),
      fixed(difference.meanDifference, 4),
      fixed(difference.p, 3),
    ];
  });
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Accuracy by number of labelled documents: every run, and the means. */
export function accuracyFigure(levels: readonly LevelResult[]): string {
  const points = levels.flatMap(({ perLabel, runs }) =>
    arms.flatMap((arm) => accuracies(runs[arm]).map((accuracy) => ({ perLabel, arm, accuracy }))),
  );
  const means = levels.flatMap((level) => {
    const summary = summarise(level);
    return arms.map((arm) => ({ perLabel: level.perLabel, arm, accuracy: summary[arm].mean }));
  });
  const at = { x: 'perLabel', y: 'accuracy', stroke: 'arm' } as const;
  const svg = renderSvg({
    ariaLabel: 'Accuracy on test documents by labelled documents of each label, plain and balanced',
    width: 640,
    height: 320,
    marginLeft: 50,
    marginBottom: 42,
    x: {
      // With another base, labels of some ticks are left out.
      type: 'log',
      base: 2,
      label: 'labelled documents of each label →',
      ticks: levels.map(({ perLabel }) => perLabel),
      tickFormat: String,
    },
    y: { label: '↑ accuracy on test documents', grid: true, nice: true },
    color: { domain: [...arms], range: ['#7a828c', '#d55e00'] },
    marks: [
      Plot.dot(points, { ...at, r: 3 }),
      Plot.line(means, { ...at, strokeWidth: 2 }),
      Plot.text(
        means.filter(({ perLabel }) => perLabel === levels.at(-1)?.perLabel),
        { x: 'perLabel', y: 'accuracy', text: 'arm', fill: 'arm', textAnchor: 'end', dx: -8, dy: -10 },
      ),
    ],
  });
  const head = svg.slice(0, svg.indexOf('>') + 1);
  const named = head.includes('xmlns=') ? head : head.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"');
  return `${named}<style>svg{background:#fff;color:#1a1d21;font:12px system-ui,sans-serif;--line:#d9dde2}</style>${svg.slice(head.length)}\n`;
}
