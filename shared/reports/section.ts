import type { Markup } from './html.ts';
import type { ReportInput } from './report-input.ts';

/** A part of a page: one file, one line in the registry of the page. */
export interface Section<Input = ReportInput> {
  /** The section's anchor in the page. */
  readonly name: string;
  readonly title: string;
  /** One sentence for a reader who has never seen such a figure. */
  readonly howToRead: string;
  /** The section's content; null where there is nothing to show in it. */
  render(input: Input): Markup | null;
}
