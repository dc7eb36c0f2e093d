/** Where a comparison's files are. `comparison` is its key prefix, e.g. `burgers`; its runs lie below it. */
export const comparisonKeys = {
  /** The settings of the comparison, whole. */
  request: (comparison: string) => `${comparison}/compare.json`,
  /** The plan of each run, of every round so far. */
  plans: (comparison: string) => `${comparison}/plans.json`,
  /** Key prefix of a run. */
  run: (comparison: string, name: string) => `${comparison}/runs/${name}`,
  /** The result of one run. */
  result: (comparison: string, name: string) => `${comparison}/results/${name}.json`,
  results: (comparison: string) => `${comparison}/results/`,
  /** What of the budget is spent, and what is set aside for runs under way. */
  ledger: (comparison: string) => `${comparison}/budget.json`,
  /** All results with the judgement: what another execution of the same comparison gives to the bit. */
  judged: (comparison: string) => `${comparison}/result.json`,
  /** The costs and the time of every run, and the time of the judgement. */
  costs: (comparison: string) => `${comparison}/costs.json`,
  report: (comparison: string) => `${comparison}/report.html`,
  /** A run file of the settings that are recommended. */
  winner: (comparison: string, file: string) => `${comparison}/${file}`,
  outcome: (comparison: string) => `${comparison}/outcome.json`,
};

/** The comparison that a run is of, by the run's key prefix; undefined for a run of its own. */
export const comparisonOfRun = (run: string): string | undefined => /^(.+)\/runs\/[^/]+$/.exec(run)?.[1];
