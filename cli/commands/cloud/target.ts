import { findTarget, type Target } from '../../../shared/cloud/comparisons.ts';
import type { Cloud } from '../../../shared/cloud/open-cloud.ts';
import { nameOf } from '../../../shared/cloud/runs.ts';

/** The run or comparison that is meant; says so where a name is that of both. @throws UserError when there is neither. */
export async function targetOf(cloud: Cloud, given: string): Promise<Target> {
  const target = await findTarget(cloud, given);
  if (target.kind === 'run' && target.hidden) {
    const name = nameOf(target.run);
    process.stderr.write(`note: the run ${name} is meant; the comparison of this name is comparisons/${name}\n`);
  }
  return target;
}
