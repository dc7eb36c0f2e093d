import { readHead, readHeadManifest } from '../../checkpoints/manifest.ts';
import { rateTable } from '../../schedules/rate-table.ts';
import type { RateTable } from '../../schedules/rates.ts';
import { analyseLayers } from '../../spectra/analyse.ts';
import { spectraConfigSchema } from '../../spectra/config.ts';
import { portableSolver } from '../../spectra/eigenvalues.ts';
import { allWritten, openAttemptTensors, writeJson } from '../attempt.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import { files, readConfig, readRates } from '../records.ts';

/** Rates of a run that is not balanced: every parameter at the base rate. */
const baseRates: RateTable = { parameters: {}, layers: {}, warnings: [] };

/**
 * Measures the layers of the attempt's model and sets the rates of the next epoch. Between two analyses the rates of
 * the last one stay; a run without balancing is measured too, so that it can be compared.
 */
export async function analyse(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const config = await readConfig(ctx.store, state.run);
  const { balance } = config;
  const { layers, parameters } = await ctx.openWorkload(config);
  const every = balance === 'off' ? 1 : balance.every;
  if (state.epoch % every !== 0) {
    const rates = (await lastRates(ctx, state.run)) ?? baseRates;
    return { ...state, files: { ...state.files, ...(await writeJson(ctx, state, files.rates, rates)) } };
  }
  const model = await openAttemptTensors(ctx, state, files.model);
  const spectra = balance === 'off' ? spectraConfigSchema.parse({}) : balance;
  const report = await analyseLayers(layers, model.read, spectra, portableSolver);
  const rates = balance === 'off' ? baseRates : rateTable(report, parameters, balance);
  for (const message of rates.warnings) ctx.emit({ type: 'warning', message });
  const written = await allWritten(
    writeJson(ctx, state, files.spectra, report),
    writeJson(ctx, state, files.rates, rates),
  );
  return { ...state, files: { ...state.files, ...written } };
}

async function lastRates(ctx: TaskContext, run: string): Promise<RateTable | undefined> {
  if (!(await readHead(ctx.store, run))) return undefined;
  return readRates(ctx.store, await readHeadManifest(ctx.store, run));
}
