import { pushRun } from '../shared/cloud/move.ts';
import type { Cloud } from '../shared/cloud/open-cloud.ts';
import { resumeRun, settingsThere } from '../shared/cloud/resume-run.ts';
import type { Submitted } from '../shared/cloud/submit.ts';
import { parseOverride } from '../shared/config/parse-run-file.ts';
import { refuseAboveCeiling } from '../shared/costs/ceiling.ts';
import { findRun, lockRun } from '../shared/local/run-folder.ts';
import { readRequest } from '../shared/pipeline/records.ts';

/** Sends a run of this machine, which is locked meanwhile, and goes on with it there; nothing is sent where settings can't be taken. */
export async function continueInCloud(cloud: Cloud, given: string, overrides: readonly string[]): Promise<Submitted> {
  const folder = await findRun(given);
  const now = () => new Date();
  const lock = await lockRun(folder, now);
  try {
    await refuseAboveCeiling(cloud.store, cloud.ceiling, now());
    settingsThere(cloud, folder.run, await readRequest(folder.store, folder.run), overrides.map(parseOverride));
    const run = await pushRun(cloud, folder, now());
    const { name } = await resumeRun(cloud, run, overrides, now());
    return { run, execution: name, started: true };
  } finally {
    await lock.release();
  }
}
