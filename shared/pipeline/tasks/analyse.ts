import { readHeadManifest } from '../../checkpoints/manifest.ts';
import { allWritten, openAttemptTensors, writeJson } from '../attempt.ts';
import { measure, ratesInForce } from '../balanced-rates.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import { files, readRunRecord } from '../records.ts';

/**
 * Measures the layers of the attempt's model and sets the rates of the next epoch. Between two analyses the rates of
 * the last one stay. A run without balancing is measured too, so that it can be compared, and so is the last epoch.
 */
export async function analyse(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const record = await readRunRecord(ctx.store, state.run);
  const { balance, training } = record.config;
  const workload = await ctx.openWorkload(record.config);
  const isDue = balance === 'off' || state.epoch % balance.every === 0;
  const kept = isDue
    ? undefined
    : await ratesInForce(ctx, await readHeadManifest(ctx.store, state.run), record, workload);
  const isMeasured = isDue || state.epoch === training.epochs;
  const model = await openAttemptTensors(ctx, state, files.model);
  const measured = isMeasured ? await measure(ctx, record, workload, model) : undefined;
  const written = await allWritten(
    writeJson(ctx, state, files.rates, kept ?? measured!.rates),
    ...(measured ? [writeJson(ctx, state, files.spectra, measured.report)] : []),
  );
  return { ...state, files: { ...state.files, ...written } };
}
