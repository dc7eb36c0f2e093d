/** Where a run's artifacts are. `run` is the key prefix of the run, e.g. `runs/burgers-20261123`. */
export const runKeys = {
  /** The settings asked for, before Prepare has checked them against the data. */
  request: (run: string) => `${run}/request.json`,
  /** Resolved settings, dataset fingerprint, versions, seed, history. */
  record: (run: string) => `${run}/run.json`,
  head: (run: string) => `${run}/head.json`,
  best: (run: string) => `${run}/best.json`,
  outcome: (run: string) => `${run}/outcome.json`,
  /** The metrics of the exported and of the last model on test data. */
  test: (run: string) => `${run}/test.json`,
  /** Who is waited for before the model is published, and what became of it. */
  approval: (run: string) => `${run}/approval.json`,
  publication: (run: string) => `${run}/publication.json`,
  report: (run: string) => `${run}/report.html`,
  model: (run: string, file: string) => `${run}/model/${file}`,
  /** The folder of a program that shows the run's numbers. */
  tracker: (run: string, tracker: string) => `${run}/trackers/${trackerFolders[tracker] ?? tracker}`,
  manifest: (run: string, epoch: number) => `${epochFolder(run, epoch)}/manifest.json`,
  damagedManifest: (run: string, epoch: number, digest: string) => `${epochFolder(run, epoch)}/damaged-${digest}.json`,
  artifact: (run: string, epoch: number, attempt: string, file: string) =>
    `${attemptFolder(run, epoch, attempt)}/${file}`,
  /** What the training task of an execution left at an epoch; `tried` counts the tries before this one. */
  result: (run: string, epoch: number, execution: string, tried: number) =>
    `${run}/results/${numbered(epoch)}-${execution}-${tried}.json`,
  results: (run: string) => `${run}/results/`,
  /** The resources that a task used while an epoch was under way. */
  meterEntry: (run: string, epoch: number, id: string) => `${meterFolder(run, epoch)}${id}.json`,
  meter: meterFolder,
  /** Calls of functions that have begun, and not noted yet what they used. */
  begunCalls: (run: string) => `${run}/meter/begun/`,
  /** The events that other systems are told of, one object each. */
  events: (run: string) => `${run}/events/`,
  event: (run: string, kind: string, occasion: string | number) =>
    `${run}/events/${kind}-${typeof occasion === 'number' ? numbered(occasion) : occasion}.json`,
  epochs: (run: string) => `${run}/epochs/`,
  epoch: epochFolder,
};

/** MLflow looks for a folder of this name. */
const trackerFolders: Readonly<Record<string, string>> = { mlflow: 'mlruns' };

function epochFolder(run: string, epoch: number): string {
  return `${run}/epochs/${numbered(epoch)}`;
}

function meterFolder(run: string, epoch: number): string {
  return `${run}/meter/${numbered(epoch)}/`;
}

function numbered(epoch: number): string {
  return String(epoch).padStart(4, '0');
}

function attemptFolder(run: string, epoch: number, attempt: string): string {
  return `${epochFolder(run, epoch)}/${attempt}`;
}
