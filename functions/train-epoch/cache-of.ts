import { type MachineCache, openMachineCache } from '../../shared/cloud/machine-cache.ts';
import { messageOf } from '../../shared/core/errors.ts';

/** The cache of the machine, where the deployment has given it one; a folder that can't be used keeps no job from its work. */
export async function cacheOf(
  environment: Readonly<Record<string, string | undefined>>,
  job: string,
  tell: (message: string) => void,
): Promise<MachineCache | undefined> {
  const { TEMPBALANCE_INPUT_CACHE: folder, TEMPBALANCE_INPUT_CACHE_GB: gigabytes } = environment;
  if (!folder) return undefined;
  try {
    return await openMachineCache(folder, { job, mostBytes: Number(gigabytes) * 1e9, tell });
  } catch (error) {
    tell(`nothing is kept on this machine: ${messageOf(error)}`);
    return undefined;
  }
}
