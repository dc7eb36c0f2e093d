/** What to do after a comparison, as commands that work as they are printed. */
import { join } from 'node:path';
import { shellWord } from '../../core/shell-word.ts';
import type { NextStep } from '../answers/next-step.ts';
import { formatCount } from '../format.ts';
import type { ComparisonResult } from './input.ts';

/** A result, and where it comes from. */
export interface PlacedResult extends ComparisonResult {
  readonly origin?:
    | {
        /** The folder that comparisons lie in, or `s3://bucket`. */
        readonly place: string;
        /** The compare file. */
        readonly file: string;
        /** The settings that were given beside it on the command line. */
        readonly overrides: readonly string[];
      }
    | undefined;
}

/** What to do next, the most useful first; empty where the comparison has no place. */
export function stepsAfterComparison({ origin, name, winners, judgement, stopped }: PlacedResult): NextStep[] {
  if (!origin) return [];
  const { place, file, overrides } = origin;
  const isDeployed = place.startsWith('s3://');
  const words = [file, ...overrides.flatMap((text) => ['--set', text])].map(shellWord).join(' ');
  const again = isDeployed ? `npx tempbalance cloud compare ${words}` : `npx tempbalance compare ${words}`;
  const folder = isDeployed ? join('comparisons', name) : join(place, name);
  const [winner] = winners;
  const wanted = judgement.findings.flatMap(({ finding, moreSeeds }) =>
    finding === 'undecided' && moreSeeds !== null ? [moreSeeds] : [],
  );
  return [
    ...(winner
      ? [
          {
            why: 'Train with the settings to take; the rows of the test are trained on again.',
            command: `${isDeployed ? `npx tempbalance cloud fetch ${shellWord(name)} && ` : ''}npx tempbalance train ${shellWord(join(folder, winner.file))}`,
          },
        ]
      : []),
    ...(stopped === null
      ? []
      : [{ why: 'Do the runs that are left, once the budget in the compare file is larger.', command: again }]),
    ...(wanted.length === 0
      ? []
      : [
          {
            why: `Decide what is undecided: add ${formatCount(Math.min(...wanted), 'seed')} or more to seeds.test in the compare file, and go on. Finished runs are not done again.`,
            command: again,
          },
        ]),
  ];
}
