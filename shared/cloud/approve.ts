/** Answering a run that waits for approval before its model is published. */
import { SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import type { PublishTarget } from '../pipeline/context.ts';
import { approvalSchema, readPublication } from '../pipeline/publication.ts';
import type { Cloud } from './open-cloud.ts';
import { nameOf } from './runs.ts';

/** What Step Functions calls a token that nobody waits for any more. */
const outdated = ['InvalidToken', 'TaskDoesNotExist', 'TaskTimedOut'];

/**
 * Approves of a run's model, or declines.
 * @param answer.by who answers, for the record.
 * @throws UserError when the run does not wait for an answer.
 */
export async function answerApproval(
  { sfn, store }: Pick<Cloud, 'sfn' | 'store'>,
  run: string,
  answer: { readonly approved: boolean; readonly by: string },
): Promise<PublishTarget> {
  const waiting = await readJson(store, runKeys.approval(run), approvalSchema);
  const nobody = async () => {
    const publication = await readPublication({ store }, run);
    const status = publication ? `: its model is ${publication.status}${placeOf(publication.address)}` : '';
    return new UserError(`does not wait for an answer${status}`, {
      where: nameOf(run),
      remedy: `A run asks when it has ended, where its \`publish.approval\` says so. \`npx tempbalance cloud resume ${nameOf(run)}\` has it end once more.`,
    });
  };
  if (!waiting) throw await nobody();
  try {
    await sfn.send(new SendTaskSuccessCommand({ taskToken: waiting.token, output: JSON.stringify(answer) }));
  } catch (error) {
    if (outdated.includes((error as Error).name)) throw await nobody();
    throw error;
  }
  return waiting.to;
}

const placeOf = (address: string | undefined) => (address === undefined ? '' : ` (${address})`);
