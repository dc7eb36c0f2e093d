/**
 * Loaded before a program (`--import`): has the processor compute what is meant for a GPU, and after as many steps as the environment variable
 * GPU_STEPS says fail as ONNX Runtime does when the GPU is lost.
 */
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';

type Sessions = typeof import('onnxruntime-node').InferenceSession;
type Options = NonNullable<Parameters<Sessions['create']>[1]>;

if (!isMainThread) {
  const { InferenceSession } = createRequire(import.meta.url)('onnxruntime-node') as { InferenceSession: Sessions };
  const create = InferenceSession.create.bind(InferenceSession) as (model: Uint8Array, options: Options) => unknown;
  let steps = Number(process.env.GPU_STEPS);
  InferenceSession.create = (async (model: Uint8Array, options: Options) => {
    const { executionProviders, preferredOutputLocation, ...others } = options;
    if (!executionProviders?.includes('webgpu')) return create(model, options);
    const session = (await create(model, others)) as Awaited<ReturnType<Sessions['create']>>;
    if (!session.outputNames.some((name) => name.startsWith('next/'))) return session;
    const run = session.run.bind(session) as (...given: unknown[]) => unknown;
    session.run = (async (...given: unknown[]) => {
      steps -= 1;
      if (steps < 0) throw new Error('Failed to download data from buffer. wgpu::MapAsyncStatus value: 4');
      return run(...given);
    }) as typeof session.run;
    return session;
  }) as Sessions['create'];
}
