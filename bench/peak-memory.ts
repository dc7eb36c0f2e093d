/** Preloaded into a measured process: prints its peak resident memory, in MiB, as the last line of standard error. */
process.on('exit', () => process.stderr.write(`\n${process.resourceUsage().maxRSS / 1024}\n`));
