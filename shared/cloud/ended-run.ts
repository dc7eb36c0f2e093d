/** Which files of runs may be deleted when they are old: those of runs that have ended, by a tag that a rule of the bucket looks for. */
import {
  DeleteObjectTaggingCommand,
  PutObjectTaggingCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import { runKeys } from '../checkpoints/run-keys.ts';
import { messageOf } from '../core/errors.ts';
import type { TaskContext } from '../pipeline/context.ts';
import type { PipelineState } from '../pipeline/messages.ts';
import type { Task } from '../pipeline/tasks/perform.ts';

/** Files that are no larger are kept: what a run was, and how it ended. */
export const largeFileBytes = 2 ** 20;

export const endedTag = { Key: 'tempbalance-ended', Value: 'yes' } as const;

/** Does something with every large file of a run. */
async function eachLargeFile(
  s3: S3Client,
  { store }: TaskContext,
  run: string,
  each: (object: { readonly Bucket: string; readonly Key: string }) => Promise<unknown>,
): Promise<void> {
  const Bucket = store.label.replace('s3://', '');
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: `${run}/` })) {
    for (const { Key, Size = 0 } of Contents) if (Size > largeFileBytes) await each({ Bucket, Key: Key! });
  }
}

/** A task that a run may end with. */
type LastTask<Input> = (ctx: TaskContext, input: Input) => Promise<PipelineState>;

/** What is left to do with a run after such a task: it is another execution's, or its model is to be published. */
const unfinished: readonly string[] = ['leave', 'approve', 'publish'];

/** A task after which the large files of a run that has ended may be deleted. Where they can't be marked, they are kept. */
export function freedWhenEnded<Input>(s3: S3Client, task: LastTask<Input>): LastTask<Input> {
  return async (ctx, input) => {
    const ended = await task(ctx, input);
    if (unfinished.includes(ended.decision.next)) return ended;
    try {
      await eachLargeFile(s3, ctx, ended.run, (object) =>
        s3.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet: [endedTag] } })),
      );
    } catch (error) {
      ctx.emit({ type: 'warning', message: `files of the run could not be marked as old: ${messageOf(error)}` });
    }
    return ended;
  };
}

/**
 * Prepare, before which the large files of a run that has ended, and goes on, are kept again.
 * @throws where that can't be said: the run would lose files while it needs them.
 */
export function keptWhileLive(s3: S3Client, prepare: Task<'Prepare'>): Task<'Prepare'> {
  return async (ctx, message) => {
    if (await ctx.store.get(runKeys.outcome(message.run))) {
      await eachLargeFile(s3, ctx, message.run, (object) => s3.send(new DeleteObjectTaggingCommand(object)));
    }
    return prepare(ctx, message);
  };
}
