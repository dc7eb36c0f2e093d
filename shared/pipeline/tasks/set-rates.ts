import { z } from 'zod';
import { readHeadManifest } from '../../checkpoints/manifest.ts';
import { mergeShards } from '../../spectra/shards.ts';
import type { LayerSpectrum } from '../../spectra/spectrum.ts';
import { allWritten, writeJson } from '../attempt.ts';
import { balance, measuredLayers, ratesInForce } from '../balanced-rates.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState, PlannedState } from '../messages.ts';
import { keepsRates, movesRates, stepsBefore } from '../rate-timing.ts';
import { files, type RateRecord, type RunRecord, readAttemptJson, readRunRecord } from '../records.ts';

/** Puts the shards' spectra together and sets the rates of the next epoch; without an analysis the last rates stay. */
export async function setRates(ctx: TaskContext, { shards, ...state }: PlannedState): Promise<PipelineState> {
  const record = await readRunRecord(ctx.store, state.run);
  const change = { steps: stepsBefore(record, state.epoch + 1), before: await ratesBefore(ctx, state, record) };
  const measured =
    shards.length > 0 ? balance(ctx, record, await readShards(ctx, state, record, shards), change) : undefined;
  const rates = (await ratesKept(ctx, state, record)) ?? measured!.rates;
  const written = await allWritten(
    writeJson(ctx, state, files.rates, rates),
    ...(measured ? [writeJson(ctx, state, files.spectra, measured.report)] : []),
  );
  return { ...state, files: { ...state.files, ...written } };
}

/** The rates that stay, which the training task has left beside the attempt; undefined where new ones are due. */
async function ratesKept(ctx: TaskContext, state: PipelineState, record: RunRecord): Promise<RateRecord | undefined> {
  if (!keepsRates(record, state.epoch)) return undefined;
  if (state.files[files.rates]) return readAttemptJson(ctx.store, state, files.rates, z.custom<RateRecord>());
  return ratesInForce(ctx, await readHeadManifest(ctx.store, state.run), record);
}

/** The rates at which a ramp to new ones begins; undefined where none begins, and before training, where it begins at the base rate. */
async function ratesBefore(ctx: TaskContext, state: PipelineState, record: RunRecord): Promise<RateRecord | undefined> {
  if (!movesRates(record) || keepsRates(record, state.epoch) || state.epoch === 0) return undefined;
  return readAttemptJson(ctx.store, state, files.ratesBefore, z.custom<RateRecord>());
}

async function readShards(
  ctx: TaskContext,
  state: PipelineState,
  record: RunRecord,
  shards: readonly number[],
): Promise<LayerSpectrum[]> {
  const read = (shard: number) =>
    readAttemptJson(ctx.store, state, files.shard(shard, shards.length), z.custom<LayerSpectrum[]>());
  return mergeShards(measuredLayers(record), await Promise.all(shards.map(read)));
}
