import { divergedDivisor } from '../shared/reports/answers/next-step.ts';

/** The message about a run that diverged, with what to do. */
export const divergedMessage = (reason: string | undefined, learningRate: number, resume: string): string =>
  [
    `error: the run diverged: ${reason}. The best model before that is kept and exported.`,
    `  The learning rate (${learningRate}) is probably too high. Go on from the last good epoch with a lower one:`,
    `  ${resume} --set training.learningRate=${learningRate / divergedDivisor}`,
    '  or begin again with less contrast between layers (balance.assignment), a warm-up, or cleaner data.\n',
  ].join('\n');
