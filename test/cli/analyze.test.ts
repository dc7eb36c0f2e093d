import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { analysisSchema } from '../../shared/weights/analysis.ts';
import { runCli } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { smallRun, temporaryFolder, writeRunFile } from '../support/small-run.ts';

const roberta = fixturePath('models', 'roberta-tiny');
const analyze = (...args: string[]) => runCli(['analyze', ...args]);

describe('tempbalance analyze', () => {
  it('prints a table with a rule beside each flag, and what is not analysed', async () => {
    const { code, stdout, stderr } = await analyze(roberta, '--layers', '*layer.0*');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/roberta\.encoder\.layer\.0\.attention\.self\.query +linear \[32, 32\] +32/);
    expect(stdout).toContain('few eigenvalues: fewer than 50');
    expect(stdout).toContain('6 layers, alpha 2.39 ± 0.27 over layers');
    expect(stdout).toContain('3 × an embedding table');
  });

  it('prints JSON of the documented shape, with or without eigenvalues', async () => {
    const full = analysisSchema.parse(JSON.parse((await analyze(roberta, '--json')).stdout));
    expect(full.layers).toHaveLength(14);
    expect(full.layers[0]!.eigenvalues).toHaveLength(32);
    const slim = analysisSchema.parse(JSON.parse((await analyze(roberta, '--json', '--no-eigenvalues')).stdout));
    expect(slim.layers.every((layer) => layer.eigenvalues === undefined)).toBe(true);
    expect(slim.layers[0]!.alpha).toBe(full.layers[0]!.alpha);
  });

  it('prints a row for each layer as CSV', async () => {
    const lines = (await analyze(roberta, '--csv')).stdout.trim().split('\r\n');
    expect(lines).toHaveLength(15);
    expect(lines[0]).toMatch(/^name,kind,matrix,shape,alpha,xmin,tail,ksDistance/);
    expect(lines[1]).toMatch(/^roberta\.encoder\.layer\.0\.attention\.self\.query,linear,W,32x32,2\.\d+,/);
  });

  it('writes a page without scripts or outside resources', async () => {
    const path = join(await temporaryFolder(), 'spectra.html');
    const { code } = await analyze(roberta, '--compare', roberta, '--randomise', '--report', path);
    expect(code).toBe(0);
    const page = await readFile(path, 'utf8');
    for (const anchor of ['alpha', 'comparison', 'esd', 'layers', 'flags', 'skipped'])
      expect(page).toContain(`<section id="${anchor}"`);
    expect(page).not.toMatch(/<script|<link|https?:\/\/(?!www\.w3\.org)/);
  });

  it('fits as it is told', async () => {
    const alphas = async (...args: string[]) =>
      analysisSchema
        .parse(JSON.parse((await analyze(roberta, '--json', ...args)).stdout))
        .layers.map(({ alpha }) => alpha);
    const median = await alphas();
    expect(await alphas('--fit', 'median', '--xmin-pos', '2', '--filter-zeros')).toEqual(median);
    expect(await alphas('--xmin-pos', '1.5')).not.toEqual(median);
    const best = JSON.parse((await analyze(roberta, '--json', '--fit', 'goodnessOfFit')).stdout);
    for (const { alpha, metrics } of best.layers) expect(alpha).toBe(metrics.alphaBestFit);
    const refused = await analyze(roberta, '--fit', 'fixFinger', '--xmin-pos', '2');
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('--xmin-pos does not go with --fit fixFinger');
  });

  it('reads Conv1d weights as it is told, and says how', async () => {
    const fno = fixturePath('models', 'fno1d_c1', 'model.safetensors');
    const read = async (...args: string[]) => {
      const { settings, layers, notes } = analysisSchema.parse(
        JSON.parse((await analyze(fno, '--json', '--layers', 'w0', ...args)).stdout),
      );
      return { settings: settings.conv1d, alpha: layers[0]!.alpha, notes };
    };
    const rows = await read();
    expect(rows).toEqual(await read('--conv1d', 'rows'));
    expect(rows).toMatchObject({
      settings: 'rows',
      notes: ['Conv1d weights are read by rows: their alphas are not comparable with those by taps (--conv1d taps)'],
    });
    const taps = await read('--conv1d', 'taps');
    expect(taps.settings).toBe('taps');
    expect(taps.alpha).not.toBe(rows.alpha);
    expect((await analyze(fno, '--conv1d', 'columns')).code).toBe(2);
  });

  it('analyses a run with the run’s own layers and settings, at its best epoch or another', {
    timeout: 60_000,
  }, async () => {
    const cwd = await temporaryFolder();
    await runCli(['train', await writeRunFile(cwd, { training: { epochs: 2 }, balance: { spectralWeights: true } })], {
      cwd,
    });
    const { stdout } = await runCli(['analyze', 'small', '--json'], { cwd });
    const analysis = analysisSchema.parse(JSON.parse(stdout));
    expect(analysis.source.format).toBe('run');
    expect(analysis.layers.map(({ name }) => name)).toContain('conv0');
    const first = JSON.parse((await runCli(['analyze', 'runs/small', '--epoch', '2', '--json'], { cwd })).stdout);
    const {
      runs: [report],
    } = JSON.parse((await runCli(['report', 'small', '--json'], { cwd })).stdout);
    const recorded = report.epochs[2].spectra.layers;
    expect(first.layers.map(({ alpha }: { alpha: number }) => alpha)).toEqual(
      recorded.map(({ alpha }: { alpha: number }) => alpha),
    );
    const absent = await runCli(['analyze', 'small', '--epoch', '9'], { cwd });
    expect(absent).toMatchObject({ code: 2 });
    expect(absent.stderr).toContain('has no epoch 9: the last is 2');
  });

  it('analyses the whole spectral weights of a run whose model has them as Tucker factors', {
    timeout: 60_000,
  }, async () => {
    const cwd = await temporaryFolder();
    const model = { family: 'tfno', modes: 4, width: 8, blocks: 2, rank: 0.5 };
    const balance = { spectralWeights: true };
    await writeFile(join(cwd, 'tfno.yaml'), stringify({ ...smallRun, model, balance, output: { name: 'tfno' } }));
    expect(await runCli(['train', 'tfno.yaml', '--set', 'training.epochs=1'], { cwd })).toMatchObject({ code: 0 });
    const { stdout } = await runCli(['analyze', 'tfno', '--epoch', '1', '--json'], { cwd });
    const { layers } = analysisSchema.parse(JSON.parse(stdout));
    expect(layers.find(({ name }) => name === 'fno_blocks.convs.1')).toMatchObject({
      kind: 'spectralConv',
      shape: [8, 8, 3, 2],
    });
    const report = JSON.parse((await runCli(['report', 'tfno', '--json'], { cwd })).stdout).runs[0];
    expect(layers.map(({ alpha }) => alpha)).toEqual(
      report.epochs[1].spectra.layers.map(({ alpha }: { alpha: number }) => alpha),
    );
  });

  it('exits with 2 and says what is wrong', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'model.safetensors'), 'far too short');
    const damaged = await analyze(folder);
    expect(damaged.code).toBe(2);
    expect(damaged.stderr).toContain('model.safetensors: header claims');
    const misspelt = await analyze(`${roberta}x`);
    expect(misspelt.stderr).toContain('did you mean "roberta-tiny"?');
    await copyFile(join(roberta, 'model.safetensors'), join(folder, 'model.safetensors'));
    expect((await analyze(folder, '--epoch', '1')).stderr).toContain('is not a run, so it has no epochs');
    expect((await analyze(folder, '--fit', 'best')).code).toBe(2);
    expect((await analyze(folder, '--xmin-pos', '0.5')).stderr).toContain('It must be a number of at least 1.');
  });
});
