import { dirname } from 'node:path';
import { describeChanges, settingsToGoOn } from '../config/changes.ts';
import { loadRunFile, type Override, parseOverride, settingsOfFolder } from '../config/parse-run-file.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { changeRequest } from '../pipeline/change-request.ts';
import { readRequest } from '../pipeline/records.ts';
import type { RunFolder } from './run-folder.ts';

/**
 * Writes the settings that a run is to go on with: its own, or with `reload` those of its run file as it is now, and the
 * overrides. Prepare notes what changed in the run's history.
 * @returns what the user should know: settings that the run file gives now and that are not taken.
 * @throws UserError when a setting changes that makes it another run, or the run file can't be read for `reload`.
 */
export async function changeSettings(
  { store, run }: Pick<RunFolder, 'store' | 'run'>,
  overrides: readonly Override[],
  reload: boolean,
): Promise<string[]> {
  const request = await readRequest(store, run);
  const { source } = request;
  const edited = source === undefined ? undefined : await currentRunFile(source, request.overrides, reload);
  if (reload && !edited) throw new UserError('has no run file to reload', { where: run, remedy: 'Use --set instead.' });
  const current = edited && { ...edited, output: { ...edited.output, ...namesOf(request.config) } };
  const base = reload && current ? current : request.config;
  const folder = source === undefined ? process.cwd() : dirname(source);
  const config = await settingsOfFolder((more) =>
    settingsToGoOn(request.config, base, [...overrides, ...more], { label: `${run}/request.json`, folder }),
  );
  await changeRequest(store, run, request, { config, overrides });
  const ignored = current && !reload ? describeChanges(request.config, current) : [];
  return ignored.length === 0
    ? []
    : [
        `${source} gives other settings than the run has, by an edit or by another version's defaults; the run's are kept (--reload takes the new ones):\n${ignored.map((change) => `  ${change}`).join('\n')}`,
      ];
}

/** A run keeps its name and place, whatever its run file says now. */
const namesOf = ({ output: { name, folder } }: RunConfig) => ({ name, folder });

/** The run file as it is now, with what was set on top of it; undefined when it is gone or not valid and its settings are not asked for. */
async function currentRunFile(
  source: string,
  overrides: readonly string[],
  needed: boolean,
): Promise<RunConfig | undefined> {
  try {
    return await loadRunFile(source, overrides.map(parseOverride));
  } catch (error) {
    if (needed || !(error instanceof UserError)) throw error;
    return undefined;
  }
}
