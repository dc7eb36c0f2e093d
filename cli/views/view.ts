import type { ProgressEvent } from '../../shared/pipeline/context.ts';

/** Shows what happens in a run. */
export interface View {
  show(event: ProgressEvent): void;
  /** Ends the view, so that other output may follow. */
  close(): void;
}
