import { renderPage } from '../page.ts';
import type { Section } from '../section.ts';
import type { ComparisonResult } from './input.ts';
import type { PlacedResult } from './next-steps.ts';
import { armsTableSection } from './sections/arms-table.ts';
import { curvesSection } from './sections/curves.ts';
import { judgedSection } from './sections/judged.ts';
import { runsSection } from './sections/runs.ts';
import { seedsSection } from './sections/seeds.ts';
import { settingsSection } from './sections/settings.ts';
import { sizesSection } from './sections/sizes.ts';
import { spreadSection } from './sections/spread.ts';
import { tuningSection } from './sections/tuning.ts';
import { verdictSection } from './sections/verdict.ts';

/** The sections of the page, in order. */
const sections: readonly Section<PlacedResult>[] = [
  verdictSection,
  armsTableSection,
  seedsSection,
  tuningSection,
  curvesSection,
  sizesSection,
  spreadSection,
  judgedSection,
  runsSection,
  settingsSection,
];

/** A comparison as one HTML page without scripts or outside resources. Sections that have nothing to show are left out. */
export function renderComparisonPage(comparison: ComparisonResult, origin?: PlacedResult['origin']): string {
  const result: PlacedResult = { ...comparison, origin };
  return renderPage({
    title: result.name,
    madeAt: result.madeAt,
    sections: sections.flatMap((section) => {
      const content = section.render(result);
      return content ? [{ ...section, content }] : [];
    }),
    footer: 'How comparisons are made and judged: docs/comparison.md.',
  });
}
