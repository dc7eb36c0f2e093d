/** Completion in shells: `completion <shell>` prints the script for a shell, which asks the hidden command `complete`. */
import { readdirSync } from 'node:fs';
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** The folder that runs are in, unless settings name another. */
const usualFolder = 'runs';

/** The names of the runs in the usual folder. */
function runNames(): string[] {
  try {
    const entries = readdirSync(usualFolder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Adds both commands to a program that has all others: its commands, options and their values are completed, and names of runs here. */
export function addCompletion(program: Command): void {
  const root = tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'completion')!
    .description('print the script that completes commands, options and runs in a shell')
    .addHelpText('after', '\nExamples:\n  $ source <(npx tempbalance completion bash)\n');
  for (const command of program.commands) {
    const argument = root.commands.get(command.name())?.arguments.get('run');
    if (!argument) continue;
    argument.handler = (complete) => {
      for (const name of runNames()) complete(name, '');
    };
  }
}
