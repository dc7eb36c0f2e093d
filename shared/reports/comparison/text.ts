import { formatTable } from '../../core/table.ts';
import { wrap } from '../../core/wrap.ts';
import { shorten, shortenApart } from '../format.ts';
import { formatMeanAndDeviation } from '../verdict.ts';
import type { ComparisonResult } from './input.ts';
import { type ArmSummary, armsAt } from './summary.ts';
import {
  asSentence,
  findingWords,
  formatP,
  formatRange,
  formatSeeds,
  formatSignedChange,
  formatSize,
  formatTaken,
  formatTried,
  tunedKey,
  unitSymbols,
  withDirection,
} from './words.ts';

/** No line is longer, as long as no word is. */
const WIDTH = 100;
/** Names of arms are shortened down to this where the table would be too wide. */
const SHORTEST_NAME = 12;
const MOST_REMARKS = 10;

/** A comparison as plain text for a terminal, at most 100 columns wide. */
export function renderComparisonText(result: ComparisonResult): string {
  const { judgement, design, stopped, winners } = result;
  const tables = design.sizes.map((size) => {
    const rows = armRows(result, size);
    return design.sizes.length > 1 ? `${formatSize(size)}\n${rows}` : rows;
  });
  const files = winners.map(({ size, file }) => `${file}${winners.length > 1 ? ` (${formatSize(size)})` : ''}`);
  const taken = `Settings to take: ${formatTaken(result)}. ${judgement.recommendation.reason}${files.length > 0 ? ` Run file: ${files.join(', ')}` : ''}`;
  const isBySize = design.sizes.length > 1;
  const findings = judgement.findings.map(({ size, sentence }) =>
    isBySize && size !== null ? `${formatSize(size)}: ${sentence}` : sentence,
  );
  const remarks = [...(stopped === null ? [] : [asSentence(stopped)]), ...judgement.basis];
  const more = remarks.length - MOST_REMARKS;
  const basis = more > 1 ? [...remarks.slice(0, MOST_REMARKS), `${more} more remarks, which the page has`] : remarks;
  return [
    wrap(judgement.headline, WIDTH),
    `On test data, by ${withDirection(design.metric)}:`,
    ...tables,
    ...(findings.length > 0 ? [list(findings)] : []),
    ...(basis.length > 0 ? [`What this rests on:\n${list(basis)}`] : []),
    wrap(taken, WIDTH),
  ].join('\n\n');
}

const list = (sentences: readonly string[]): string =>
  sentences.map((sentence) => `- ${wrap(sentence, WIDTH - 2, '  ')}`).join('\n');

function armRows(result: ComparisonResult, size: number | null): string {
  const summaries = armsAt(result, size);
  const longest = Math.max(...summaries.map(({ arm }) => arm.name.length));
  const draw = (name: number) => formatTable(rowsOf(result, summaries, name));
  const whole = draw(longest);
  const excess = Math.max(...whole.split('\n').map(({ length }) => length)) - WIDTH;
  return excess > 0 ? draw(Math.max(SHORTEST_NAME, longest - excess)) : whole;
}

function rowsOf({ design }: ComparisonResult, summaries: readonly ArmSummary[], longestName: number): string[][] {
  const key = tunedKey(design);
  const unit = unitSymbols[design.unit];
  const names = shortenApart(
    summaries.map(({ arm }) => arm.name),
    longestName,
  );
  return [
    [
      'arm',
      'seeds',
      design.metric.name,
      ...(key ? [shorten(key, 12)] : []),
      `change (${unit})`,
      '95 % interval',
      'p',
      'verdict',
    ],
    ...summaries.map((summary, index) => {
      const { mean, standardDeviation, tried, tuning, finding, isReference } = summary;
      return [
        names[index]!,
        formatSeeds(summary, design),
        formatMeanAndDeviation({ mean, standardDeviation, unit: design.unit }),
        ...(key ? [`${formatTried(tried)}${tuning?.state === 'edge' ? ' (edge)' : ''}`] : []),
        formatSignedChange(finding?.change ?? null),
        formatRange(finding?.interval ?? null),
        formatP(finding?.p ?? null),
        isReference ? 'reference' : finding ? findingWords[finding.finding] : '–',
      ];
    }),
  ];
}
