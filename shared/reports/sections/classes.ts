import { table } from '../figure.ts';
import { formatNumber } from '../format.ts';
import { html } from '../html.ts';
import type { Section } from '../section.ts';

export const classesSection: Section = {
  name: 'classes',
  title: 'Classes',
  howToRead:
    'How the best epoch does on each class of the validation data: precision is the share of the texts given a class that are of it, recall the share of a class that was given it. The confusion says how many texts of a class (row) were given which (column).',
  render({ runs }) {
    const tables = runs.flatMap((run) => {
      const best = run.epochs.find(({ epoch }) => epoch === run.best?.epoch);
      if (!best?.classes) return [];
      const { classes, confusion } = best.classes;
      const names = classes.map(({ name }) => name);
      const at = `${run.name}: epoch ${best.epoch}`;
      const scores = classes.map(({ name, precision, recall, f1, support }) => [
        name,
        formatNumber(precision, 3),
        formatNumber(recall, 3),
        formatNumber(f1, 3),
        String(support),
      ]);
      const counts = confusion.map((row, index) => [names[index]!, ...row.map(String)]);
      return [
        table(at, ['Class', 'Precision', 'Recall', 'F1', 'Texts'], scores, [1, 2, 3, 4]),
        table(`${at}, confusion`, ['', ...names], counts, [...names.map((_, index) => index + 1)]),
      ];
    });
    return tables.length > 0 ? html`${tables}` : null;
  },
};
