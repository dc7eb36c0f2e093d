import type { z } from 'zod';
import type { ComparisonContext } from '../context.ts';
import { type ComparisonTaskName, comparisonMessages } from '../messages.ts';

type Messages = typeof comparisonMessages;

/** The function of the task with this name. */
export type ComparisonTask<Name extends ComparisonTaskName> = (
  ctx: ComparisonContext,
  message: z.output<Messages[Name]['input']>,
) => Promise<z.input<Messages[Name]['output']>>;

/** Runs a task on a message from the workflow of comparisons, checking what goes in and what comes out. */
export async function performComparisonTask<Name extends ComparisonTaskName>(
  name: Name,
  task: ComparisonTask<Name>,
  ctx: ComparisonContext,
  message: unknown,
): Promise<z.output<Messages[Name]['output']>> {
  const { input, output } = comparisonMessages[name];
  const given = input.parse(message) as z.output<Messages[Name]['input']>;
  return output.parse(await task(ctx, given)) as z.output<Messages[Name]['output']>;
}
