import type { ClassTable } from '../training/metrics/classification.ts';
import type { RunReport } from './report-input.ts';
import { languageTaskOf } from './text-card.ts';

/** What the table of a run's classes counts, as the head of a column. */
export function countedIn(run: RunReport, { classes }: ClassTable): 'Texts' | 'Words' | 'Entities' {
  if (languageTaskOf(run) !== 'token-classification') return 'Texts';
  const labels = (run.dataset.labels ?? []) as readonly string[];
  return classes.every(({ name }) => labels.includes(name)) && classes.length === labels.length ? 'Words' : 'Entities';
}
