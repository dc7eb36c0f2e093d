import { Command, CommanderError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { spelledAs } from '../shared/config/spelling.ts';
import { messageOf, UserError } from '../shared/core/errors.ts';
import { missingPackage } from '../shared/core/optional-packages.ts';
import type { CliCommand } from './command.ts';
import { analyzeCommand } from './commands/analyze.ts';
import { cloudCommands } from './commands/cloud/index.ts';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { initCommand } from './commands/init.ts';
import { planCommand } from './commands/plan.ts';
import { predictCommand } from './commands/predict.ts';
import { pricesCommand } from './commands/prices.ts';
import { ratesCommand } from './commands/rates.ts';
import { reportCommand } from './commands/report.ts';
import { resumeCommand } from './commands/resume.ts';
import { runsCommand } from './commands/runs.ts';
import { trainCommand } from './commands/train.ts';
import { uiCommand } from './commands/ui.ts';
import { validateCommand } from './commands/validate.ts';
import { addCompletion } from './completion.ts';
import { exitCodes, exitCodesHelp } from './exit-codes.ts';

const commands = [
  initCommand,
  validateCommand,
  planCommand,
  trainCommand,
  resumeCommand,
  compareCommand,
  runsCommand,
  uiCommand,
  predictCommand,
  exportCommand,
  reportCommand,
  analyzeCommand,
  ratesCommand,
  pricesCommand,
  doctorCommand,
];

/** The command line; `settle` is told the exit code of the command that ran. */
export function buildProgram(settle: (code: number) => void): Command {
  const program = new Command('tempbalance')
    .description('Fine-tunes models with little data, balancing the learning rates of layers by their spectra.')
    .version(packageJson.version)
    .option('--debug', 'show the stack trace of an error')
    .addHelpText('after', exitCodesHelp)
    .showSuggestionAfterError()
    .exitOverride();
  for (const command of commands) addCommand(program, command, settle);
  const cloud = program
    .command('cloud')
    .description('run in a deployment on AWS, and look after it')
    .addHelpText('after', exitCodesHelp)
    .showSuggestionAfterError()
    .exitOverride();
  for (const command of cloudCommands) addCommand(cloud, command, settle);
  addCompletion(program);
  return program;
}

/** Parses the arguments, runs the command, and returns the exit code; errors are printed, never thrown. */
export async function runCli(args: readonly string[]): Promise<number> {
  let code: number = exitCodes.done;
  const program = buildProgram((ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.code === 'commander.unknownOption') await hintAtSetting(program, error.message, args);
      return error.exitCode === 0 ? exitCodes.done : exitCodes.userError;
    }
    return reportError(missingPackage(error) ?? error, args.includes('--debug'));
  }
}

function addCommand(parent: Command, command: CliCommand, settle: (code: number) => void): void {
  const sub = parent
    .command(command.usage)
    .description(command.description)
    .addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  $ ${line}`).join('\n')}\n${exitCodesHelp}`)
    .addHelpText('after', command.options.some(takesNames) ? namesHelp : '')
    .addOption(new Option('--debug', 'show the stack trace of an error'))
    .exitOverride();
  for (const option of command.options) sub.addOption(inEitherCase(option));
  sub.action(async (...given: unknown[]) => {
    const positional = given.slice(0, -2) as (string | undefined)[];
    settle(await command.run(positional, given.at(-2) as never));
  });
}

/** Where a command takes settings of the run file, tells how one is set that was given as an option. */
async function hintAtSetting(program: Command, message: string, args: readonly string[]): Promise<void> {
  const named = program.commands.find((command) => command.name() === args[0]);
  const command = named?.commands.find((sub) => sub.name() === args[1]) ?? named;
  const [, flag] = /'(-[^']*)'/.exec(message) ?? [];
  if (flag === undefined || !command?.options.some(({ long }) => long === '--set')) return;
  const given = args.find((arg) => arg === flag || arg.startsWith(`${flag}=`)) ?? flag;
  const { settingHint } = await import('./setting-hint.ts');
  const hint = await settingHint(given, args);
  // What rates takes are settings of balance alone.
  const isTaken = command.name() !== 'rates' || hint?.includes('balance.');
  if (hint !== undefined && isTaken) process.stderr.write(`  ${hint}\n`);
}

/** Whether an option takes settings or names in camel case. */
const takesNames = ({ long, argChoices = [] }: Option): boolean =>
  long === '--set' || argChoices.some((choice) => /[a-z][A-Z]/.test(choice));

const namesHelp = 'Values that are names may be in kebab case, too: model-balancing for modelBalancing.';

/** An option whose choices may be given in kebab case, too. */
function inEitherCase(option: Option): Option {
  const { argChoices, parseArg } = option;
  if (!argChoices || !parseArg) return option;
  return Object.assign(option, {
    parseArg: (text: string, before: never) => parseArg.call(option, spelledAs(text, argChoices), before),
  });
}

/** Prints an error for a person; the stack only when asked for. */
function reportError(error: unknown, debug: boolean): number {
  process.stderr.write(`error: ${messageOf(error)}\n`);
  if (debug && error instanceof Error) process.stderr.write(`\n${describeStack(error)}\n`);
  else if (!isExplained(error)) process.stderr.write('  This is unexpected; --debug shows where it comes from.\n');
  return error instanceof UserError ? exitCodes.userError : exitCodes.failed;
}

const isExplained = (error: unknown) =>
  error instanceof Error && ['UserError', 'RunError', 'TransientError'].includes(error.name);

function describeStack(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${describeStack(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
