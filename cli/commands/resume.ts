import { Option } from 'commander';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { describeChanges, refuseFixedChanges } from '../../shared/config/changes.ts';
import { loadRunFile, type Override, parseRunFile } from '../../shared/config/parse-run-file.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { UserError } from '../../shared/core/errors.ts';
import { findRun, lockRun, type RunFolder } from '../../shared/local/run-folder.ts';
import { readRequest } from '../../shared/pipeline/records.ts';
import { type CliCommand, jsonOption, setOption } from '../command.ts';
import { runAndWatch } from '../run-and-watch.ts';

export const resumeCommand: CliCommand<{ set: Override[]; reload?: boolean; json?: boolean }> = {
  usage: 'resume <run>',
  description: 'go on with a run from its last commit, to the same bits as without the interruption',
  examples: [
    'tempbalance resume burgers-20261123-101500',
    'tempbalance resume runs/burgers-20261123-101500 --set training.epochs=80',
    'tempbalance resume runs/burgers-20261123-101500 --reload',
  ],
  options: [
    setOption(),
    new Option('--reload', 'take the settings from the run file as it is now'),
    jsonOption('print one JSON event a line'),
  ],
  async run([given], { set, reload, json }) {
    const folder = await findRun(given!);
    await (await lockRun(folder, () => new Date())).release();
    await changeSettings(folder, set, reload ?? false);
    return runAndWatch(folder, { json: json ?? false });
  },
};

/** Writes the settings that the run is to go on with; what changed is noted in the run's history by Prepare. */
async function changeSettings({ store, run }: RunFolder, overrides: readonly Override[], reload: boolean) {
  const request = await readRequest(store, run);
  const current = request.source === undefined ? undefined : await currentRunFile(request.source, reload);
  const { name, folder } = request.config.output;
  const edited = current && { ...current, output: { ...current.output, name, folder } };
  const base = reload && edited ? edited : request.config;
  if (edited && !reload) warnOfEdits(request.source!, request.config, edited);
  const config = parseRunFile(JSON.stringify(base), `${run}/request.json`, overrides);
  refuseFixedChanges(request.config, config);
  await store.put(runKeys.request(run), encodeJson({ ...request, config }));
}

/** The run file as it is now; undefined when it is gone or not valid and its settings are not asked for. */
async function currentRunFile(source: string, needed: boolean): Promise<RunConfig | undefined> {
  try {
    return await loadRunFile(source);
  } catch (error) {
    if (needed || !(error instanceof UserError)) throw error;
    return undefined;
  }
}

function warnOfEdits(source: string, kept: RunConfig, edited: RunConfig): void {
  const changes = describeChanges(kept, edited);
  if (changes.length === 0) return;
  process.stderr.write(
    `note: ${source} was edited since the run began; its settings are kept (--reload takes the new ones):\n` +
      changes.map((change) => `  ${change}\n`).join(''),
  );
}
