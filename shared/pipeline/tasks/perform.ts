import type { z } from 'zod';
import type { TaskContext } from '../context.ts';
import { type TaskName, taskMessages } from '../messages.ts';

type Messages = typeof taskMessages;

/** The function of the task with this name. */
export type Task<Name extends TaskName> = (
  ctx: TaskContext,
  message: z.output<Messages[Name]['input']>,
) => Promise<z.input<Messages[Name]['output']>>;

/** Runs a task on a message from the workflow, checking what goes in and what comes out. */
export async function performTask<Name extends TaskName>(
  name: Name,
  task: Task<Name>,
  ctx: TaskContext,
  message: unknown,
): Promise<z.output<Messages[Name]['output']>> {
  const { input, output } = taskMessages[name];
  const given = input.parse(message) as z.output<Messages[Name]['input']>;
  return output.parse(await task(ctx, given)) as z.output<Messages[Name]['output']>;
}
