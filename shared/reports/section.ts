import type { Markup } from './html.ts';
import type { ReportInput } from './report-input.ts';

/** A part of the report: one file, one line in the registry. */
export interface Section {
  /** The section's anchor in the page. */
  readonly name: string;
  readonly title: string;
  /** One sentence for a reader who has never seen such a figure. */
  readonly howToRead: string;
  /** The section's content; null where the runs have nothing to show in it. */
  render(input: ReportInput): Markup | null;
}
