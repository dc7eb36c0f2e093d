/** What is learnt of a row, by the names that `transformers` has for `problem_type`. */
export const problemTypes = ['single_label_classification', 'multi_label_classification', 'regression'] as const;
export type ProblemType = (typeof problemTypes)[number];

/** A problem type, and who says so, e.g. `model.problemType`. */
export interface GivenProblem {
  readonly type: ProblemType;
  readonly from: string;
  /** What else has to be set for data of another type to be learnt; absent: nothing. */
  readonly needed?: string;
}

/** The values that data must have for a problem type, in words, for messages. */
export const wantedOf = {
  single_label_classification: 'one label in each row',
  multi_label_classification: 'a list of labels in each row',
  regression: 'a number in each row',
} as const satisfies Record<ProblemType, string>;
