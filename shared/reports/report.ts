import { renderPage } from './page.ts';
import type { ReportInput } from './report-input.ts';
import { SECTIONS } from './sections/registry.ts';

/**
 * The report as one HTML page without scripts or outside resources. Sections that have nothing to show are left out.
 */
export function renderReport(input: ReportInput): string {
  const sections = SECTIONS.flatMap((section) => {
    const content = section.render(input);
    return content ? [{ ...section, content }] : [];
  });
  return renderPage({
    title: input.title,
    madeAt: input.madeAt,
    sections,
    footer:
      'Alpha and its fits follow TempBalance (Liu et al., EMNLP 2024, arXiv 2410.12178; Zhou et al., NeurIPS 2023); the presets their own authors (docs/method.md).',
  });
}
