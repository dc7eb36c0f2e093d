/** The exit codes of the command. */
export const exitCodes = { done: 0, failed: 1, userError: 2, interrupted: 130 } as const;

export const exitCodesHelp = `
Exit codes: 0 done, 1 the run failed or diverged, 2 something in the input must be mended, 130 interrupted (resume goes on).`;
