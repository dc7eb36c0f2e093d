import { readFileSync } from 'node:fs';

/** Peak resident memory in MiB. On Linux by the process's own status: the system's maximum begins with that of the process it was started by. */
function peakMiB(): number {
  const maximum = process.resourceUsage().maxRSS / 1024;
  if (process.platform !== 'linux') return maximum;
  const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return kibibytes === undefined ? maximum : Number(kibibytes) / 1024;
}

/** Preloaded into a measured process: prints its processor time in seconds and its peak resident memory in MiB, as the last line of standard error. */
process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  process.stderr.write(`\n${(userCPUTime + systemCPUTime) / 1e6} ${peakMiB()}\n`);
});
