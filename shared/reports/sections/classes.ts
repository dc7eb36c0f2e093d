import type { ClassTable } from '../../training/metrics/classification.ts';
import { countedIn } from '../counted-rows.ts';
import { table } from '../figure.ts';
import { formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import type { Section } from '../section.ts';

/** Of more classes than these only the most frequent confusions are shown, and at most so many. */
const mostColumns = 30;
const mostConfusions = 50;

export const classesSection: Section = {
  name: 'classes',
  title: 'Classes',
  howToRead:
    'How the best epoch does on each class of the validation data: precision is the share of the texts given a class that are of it, recall the share of a class that was given it. Where a text may have several labels, one is given where its probability is at least 0.5. Where it has one, the confusion says how many texts of a class (row) were given which (column); of many classes, which two were taken for one another most often. Where words are tagged, the classes are the types of the entities that the tags mark, each right where its type and all its words are; of other tags they are the tags, and the rows are words.',
  render({ runs }) {
    const { shown, note } = representatives(runs, (run) => bestEpoch(run)?.classes !== undefined);
    const tables = shown.flatMap(({ run, label }) => {
      const best = bestEpoch(run);
      if (!best?.classes) return [];
      const at = `${label}: epoch ${best.epoch}`;
      const scores = best.classes.classes.map(({ name, precision, recall, f1, support }) => [
        name,
        formatNumber(precision, 3),
        formatNumber(recall, 3),
        formatNumber(f1, 3),
        String(support),
      ]);
      const confusion = best.classes.classes.length > mostColumns ? confusions : matrix;
      return [
        table(at, ['Class', 'Precision', 'Recall', 'F1', countedIn(run, best.classes)], scores, [1, 2, 3, 4]),
        ...(best.classes.confusionCells.length > 0 ? [confusion(at, best.classes)] : []),
      ];
    });
    return tables.length > 0 ? html`${note}${tables}` : null;
  },
};

const bestEpoch = ({ epochs, best }: RunReport) => epochs.find(({ epoch }) => epoch === best?.epoch);

function matrix(at: string, { classes, confusionCells }: ClassTable): Markup {
  const names = classes.map(({ name }) => name);
  const counts = names.map((name) => [name, ...names.map(() => '0')]);
  for (const [actual, given, rows] of confusionCells) counts[actual]![given + 1] = String(rows);
  return table(`${at}, confusion`, ['True class', ...names], counts, [...names.map((_, place) => place + 1)]);
}

function confusions(at: string, { classes, confusionCells }: ClassTable): Markup {
  const wrong = confusionCells.filter(([actual, given]) => actual !== given).toSorted(([, , a], [, , b]) => b - a);
  const shown = wrong
    .slice(0, mostConfusions)
    .map(([actual, given, rows]) => [classes[actual]!.name, classes[given]!.name, String(rows)]);
  const caption =
    wrong.length > mostConfusions ? `the ${mostConfusions} most frequent of ${wrong.length} confusions` : 'confusions';
  return table(`${at}, ${caption}`, ['Class', 'Given', 'Texts'], shown, [2]);
}
