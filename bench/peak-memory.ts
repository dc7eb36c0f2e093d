/** Preloaded into a measured process: prints its processor time in seconds and its peak resident memory in MiB, as the last line of standard error. */
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stderr.write(`\n${(userCPUTime + systemCPUTime) / 1e6} ${maxRSS / 1024}\n`);
});
