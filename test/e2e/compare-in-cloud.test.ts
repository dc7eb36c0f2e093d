import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { loadComparison } from '../../shared/config/load-comparison.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runComparison } from '../../shared/local/run-comparison.ts';
import type { PooledEnd } from '../../shared/local/run-messages.ts';
import { type Execution, runPipeline } from '../../shared/local/run-pipeline.ts';
import { beginComparison } from '../../shared/pipeline/comparison/begin.ts';
import { checkComparison } from '../../shared/pipeline/comparison/check-comparison.ts';
import type { ComparisonContext } from '../../shared/pipeline/comparison/context.ts';
import { digestsOf } from '../../shared/pipeline/comparison/inputs.ts';
import { readResults } from '../../shared/pipeline/comparison/records.ts';
import { openedOnce } from '../../shared/pipeline/resources.ts';
import { namedError } from '../../shared/pipeline/task-failure.ts';
import { notAllowed, rolesOfComparisons } from '../support/allowed-requests.ts';
import { runCli } from '../support/cli.ts';
import { startDeployment } from '../support/deployment.ts';
import { smallRun, temporaryFolder } from '../support/small-run.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
const env = { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' };

const { output: _, ...run } = smallRun;
const compareFile = {
  run: {
    ...run,
    dataset: { ...run.dataset, samples: 'all' },
    training: { ...run.training, epochs: 2, validation: 2, engine: 'wasm' },
  },
  test: { last: 4 },
  sizes: [4],
  arms: { plain: { balance: 'off' }, balanced: { 'balance.minEigenvalues': 4 } },
  rates: [0.003],
  extensions: 0,
  seeds: { tuning: [101], test: [1, 2] },
  budget: { usd: 5 },
  parallel: 2,
};

const ended = (execution: Execution): PooledEnd =>
  execution.status === 'failed' ? { status: 'failed', error: namedError(execution.error) } : execution;

const quiet: Pick<ComparisonContext, 'now' | 'parallel' | 'versions' | 'emit'> = {
  now: () => new Date(),
  parallel: 2,
  versions: { tempbalance: packageJson.version, node: process.version },
  emit: () => undefined,
};

/** The result of the same comparison in a folder of this machine, as it is stored. */
async function resultHere(file: string): Promise<string> {
  const { settings: asked, folder } = await loadComparison(file);
  // One run after the other: the engine of a process is at one run at a time.
  const settings = { ...asked, budget: {}, parallel: 1 };
  const store = fileStore(join(folder, 'here'));
  const localPath = async (path: string) => path;
  const { planWorkload } = openedOnce({ localPath, warn: () => undefined });
  const rows = await checkComparison(settings, { planWorkload }, () => undefined);
  const data = await digestsOf(settings, localPath);
  await beginComparison(store, settings.name, settings, { data, rows });
  const trainRun = async (child: string) =>
    ended(
      await runPipeline(
        child,
        localContext(store, () => undefined),
      ),
    );
  await runComparison({ comparison: settings.name, number: 1 }, { store, ...quiet }, { trainRun });
  return readFile(join(folder, 'here', settings.name, 'result.json'), 'utf8');
}

const withoutBudget = (text: string) => ({ ...JSON.parse(text), budget: null });

beforeAll(async () => {
  if (deployment) await createStack(deployment);
});

describe.skipIf(!deployment)('a deployed comparison', () => {
  const deployed = deployment!;
  const cloud = (args: readonly string[], cwd?: string) => runCli(['cloud', ...args], { env, ...(cwd ? { cwd } : {}) });

  /** Interprets an execution here, by the deployment's functions and containers; `fails` names runs whose execution is lost. */
  const execute = (number: number, fails: (child: string) => boolean = () => false) => {
    const { store, perform, runJob } = deployed;
    const trained: string[] = [];
    const trainRun = async (child: string): Promise<PooledEnd> => {
      trained.push(child);
      if (fails(child)) return { status: 'failed', error: { name: 'States.TaskFailed', message: aborted } };
      const context = localContext(store, () => undefined);
      return ended(await runPipeline(child, context, () => false, { perform, runJob, retryDelay: 0 }));
    };
    const execution = runComparison(
      { comparison: 'comparisons/does-it-help', number },
      { store, ...quiet },
      {
        trainRun,
        perform,
        retryDelay: 0,
      },
    );
    return execution.then((end) => ({ end, trained }));
  };
  /** As Step Functions describes an execution that did not succeed. */
  const aborted = JSON.stringify({ ExecutionArn: 'arn:child', Status: 'ABORTED', Input: '{}' });
  const end = async (name: string) => {
    const executionArn = `${deployed.compareStateMachine.replace(':stateMachine:', ':execution:')}:${name}`;
    await deployed.sfn.send(new StopExecutionCommand({ executionArn }));
  };
  it('gives the result of a local one, whatever failed before', { timeout: 240_000 }, async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'does-it-help.yaml');
    await writeFile(file, stringify(compareFile));
    const { store, bucket } = deployed;

    const begun = await cloud(['compare', file]);
    expect(begun.stderr).toBe('');
    expect(begun.code).toBe(0);
    expect(begun.stdout).toMatch(/^dataset\.path +s3:\/\/.*\/validation\/[0-9a-f]{16}-pde_1d\.hdf5\?versionId=/m);
    expect(begun.stdout).toContain('npx tempbalance cloud watch does-it-help');
    expect(await deployed.executions(deployed.compareStateMachine)).toEqual([
      { name: 'does-it-help', input: { comparison: 'comparisons/does-it-help', number: 1 } },
    ]);
    const second = await cloud(['compare', file]);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('does-it-help: is running');

    const lost = 'comparisons/does-it-help/runs/test-balanced-4-0.003-2';
    const first = await execute(1, (child) => child === lost);
    expect(first.end).toEqual({ status: 'done' });
    expect(first.trained).toHaveLength(6);
    const results = await readResults(store, 'comparisons/does-it-help');
    const lostRuns = results
      .filter(({ status }) => status === 'failed')
      .map(({ run: name, reason }) => ({ name, reason }));
    expect(lostRuns).toMatchObject([{ name: 'test-balanced-4-0.003-2' }]);
    const running = JSON.parse((await cloud(['status', 'does-it-help', '--json'])).stdout);
    expect(running).toMatchObject({ state: 'running', runs: { done: 5, failed: 1, expected: 6 } });
    expect(running.usd).toBeGreaterThan(0);
    expect((await cloud(['stop', 'does-it-help'])).stdout).toContain('finished runs and what is committed are kept');
    const [failed] = JSON.parse(
      new TextDecoder().decode((await store.get('comparisons/does-it-help/result.json'))!.bytes),
    ).results.filter(({ status }: { status: string }) => status === 'failed');
    expect(failed.reason).toBe('its execution ended as ABORTED');

    const other = join(folder, 'other.yaml');
    await writeFile(other, stringify({ ...compareFile, name: 'does-it-help', epoch: 'last' }));
    const refused = await cloud(['compare', other]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('was begun with other settings or data');
    const resumed = await cloud(['resume', 'does-it-help']);
    expect(resumed.stderr).toBe('');
    expect(resumed.stdout).toContain('execution does-it-help-2 does what is left of it');
    const again = await execute(2);
    expect(again.end).toEqual({ status: 'done' });
    expect(again.trained).toEqual([lost]);

    const inBucket = new TextDecoder().decode((await store.get('comparisons/does-it-help/result.json'))!.bytes);
    expect(withoutBudget(inBucket)).toEqual(withoutBudget(await resultHere(file)));
    const weights = (await store.list('comparisons/does-it-help/runs/')).filter((key) => key.endsWith('.safetensors'));
    expect(weights).toEqual([]);

    await end('does-it-help-2');
    const watched = await cloud(['watch', 'does-it-help']);
    expect(watched.code).toBe(0);
    expect(watched.stdout).toContain(JSON.parse(inBucket).judgement.headline.split(' ').slice(0, 3).join(' '));
    const list = (await cloud(['status'])).stdout;
    expect(list).toContain(`no runs in s3://${bucket}/runs/`);
    expect(list).toMatch(/does-it-help +judged +6\/6/);
    const fetched = await cloud(['fetch', 'does-it-help'], folder);
    expect(fetched.stderr).toBe('');
    expect((await readdir(join(folder, 'comparisons', 'does-it-help'))).toSorted()).toEqual([
      'compare.json',
      'costs.json',
      'outcome.json',
      'plans.json',
      'report.html',
      'result.json',
      'results',
      'winner-4.yaml',
    ]);
    expect(await readFile(join(folder, 'comparisons', 'does-it-help', 'winner-4.yaml'), 'utf8')).toContain(
      run.dataset.path,
    );
  });

  it('that fails has its reason beside it', async () => {
    const comparison = 'comparisons/lost';
    const error = { Error: 'UserError', Cause: JSON.stringify({ errorMessage: 'there is no such file' }) };
    await deployed.perform('RecordComparisonFailure', { comparison, number: 1, error });
    const outcome = JSON.parse(
      new TextDecoder().decode((await deployed.store.get(`${comparison}/outcome.json`))!.bytes),
    );
    expect(outcome).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('there is no such file') });
  });

  it('stays within what the roles of its tasks allow', () => {
    const requests = deployed.requests();
    const roles = requests.map(({ role }) => role);
    expect(roles).toEqual(expect.arrayContaining([...rolesOfComparisons]));
    expect(roles).toEqual(expect.arrayContaining(['prepare', 'train-epoch', 'analyse-shard', 'finalise']));
    expect(notAllowed(requests)).toEqual([]);
  });
});
