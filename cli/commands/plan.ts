import { Option } from 'commander';
import type { PublishSettings } from '../../shared/config/publish.ts';
import type { PriceTable } from '../../shared/costs/prices.ts';
import type { RunEstimate } from '../../shared/decisions/estimate.ts';
import type { BalanceDescription } from '../../shared/schedules/describe.ts';
import { type CliCommand, jsonOption, print, setOption } from '../command.ts';

interface PlanOptions {
  readonly set: string[];
  readonly region: string;
  readonly target?: 'cpu' | 'gpu';
  readonly prices?: string;
  readonly measure?: boolean;
  readonly json?: boolean;
}

export const planCommand: CliCommand<PlanOptions> = {
  usage: 'plan [file]',
  description:
    'say what a run, or all runs of a compare file, are expected to take and to cost, here and deployed, with what is assumed',
  examples: [
    'npx tempbalance plan',
    'npx tempbalance plan burgers.yaml --measure',
    'npx tempbalance plan compare.yaml',
    'npx tempbalance plan burgers.yaml --region us-west-2 --target gpu --set budget.usd=5',
  ],
  options: [
    setOption(),
    new Option('--region <name>', 'whose prices').default('us-east-1'),
    new Option('--target <kind>', 'only this kind of machine, besides this one').choices(['cpu', 'gpu']),
    new Option('--prices <file>', "a price table, as `npx tempbalance prices` writes it (default: the package's)"),
    new Option('--measure', 'train two steps here, and correct all times by the second'),
    jsonOption('print the estimate as JSON'),
  ],
  async run([file = 'tempbalance.yaml'], options) {
    const { isCompareFile } = await import('../../shared/config/load-comparison.ts');
    if (await isCompareFile(file)) {
      const { planComparison } = await import('../plan-comparison.ts');
      return planComparison(file, { ...options, table: await readPrices(options.prices) });
    }
    return planRun(file, options);
  },
};

async function planRun(file: string, { set, region, target, prices, measure, json }: PlanOptions): Promise<number> {
  const { loadRunFile, parseOverride } = await import('../../shared/config/parse-run-file.ts');
  const { checkRun } = await import('../../shared/pipeline/check-run.ts');
  const { usualMachines } = await import('../../shared/decisions/assumptions.ts');
  const { chooseTarget } = await import('../../shared/decisions/compute.ts');
  const { jobMemory, wholeSize } = await import('../../shared/decisions/memory.ts');
  const { estimateRun } = await import('../../shared/decisions/estimate.ts');
  const { localPath } = await import('../local-path.ts');
  const { measuredStep, placesOf, plannedRun } = await import('../planned-run.ts');
  const given = await loadRunFile(file, set.map(parseOverride));
  const table = await readPrices(prices);
  const note = (message: string) => process.stderr.write(`note: ${message}\n`);
  const { config, plan: workload, balance } = await checkRun(given, { localPath, note });
  const run = plannedRun(config, workload);
  const stepSeconds = measure ? await measuredStep(config) : undefined;
  const { places, assumptions } = placesOf(run, config.training.engine, { region, table, target, stepSeconds });
  const size = {
    trained: run.size.parameters,
    frozen: run.size.frozen,
    frozenHalves: workload.frozenHalves,
    parameters: workload.parameters,
    isOfTexts: config.model.family === 'huggingface',
  };
  const chosen = chooseTarget(config.compute.target, { ...run.size, parameters: wholeSize(size) });
  const plan = {
    runFile: file,
    region,
    pricesOf: table.date,
    steps: run.size.stepsPerEpoch,
    epochs: run.training.epochs,
    ...run.size,
    balance,
    publish: config.publish ?? null,
    target: chosen,
    memory: {
      hereGb: jobMemory(size, config.training, 'cpu', workload).gb,
      jobGb: jobMemory(size, config.training, chosen, workload).gb,
      usualGb: usualMachines[chosen].memoryGb ?? null,
    },
    estimates: places.map((place) => estimateRun(run, place)),
    assumptions,
  };
  print(json ? JSON.stringify(plan, null, 2) : await formatPlan(plan));
  return 0;
}

async function readPrices(path: string | undefined): Promise<PriceTable> {
  const { readPriceTable, packagedPrices } = await import('../price-table.ts');
  return path === undefined ? packagedPrices() : readPriceTable(path);
}

interface Plan {
  readonly runFile: string;
  readonly region: string;
  readonly steps: number;
  readonly epochs: number;
  /** The numbers of trained parameters and of an adapter's base. */
  readonly parameters: number;
  readonly frozen: number;
  readonly stepFlops: number;
  readonly trainingSamples: number;
  readonly validationSamples: number;
  readonly testSamples?: number;
  readonly balance: BalanceDescription | null;
  readonly publish: PublishSettings | null;
  readonly target: string;
  /** In GiB: what training takes on this machine and in a job, and what a deployment with the usual settings gives a job. */
  readonly memory: { readonly hereGb: number; readonly jobGb: number; readonly usualGb: number | null };
  readonly estimates: readonly RunEstimate[];
  readonly assumptions: readonly string[];
}

const rowsOf = ({ trainingSamples, validationSamples, testSamples }: Plan) =>
  `Rows: ${trainingSamples} to train on, ${validationSamples} to validate on${testSamples === undefined ? '' : `, ${testSamples} to test the best and the last epoch on, once`}`;

/** Where a deployed run's model goes, and what that needs. */
function publication({ to, name, approval }: PublishSettings): string {
  const places = {
    s3: 'S3',
    huggingface: 'the Hugging Face Hub',
    sagemaker: 'the SageMaker Model Registry',
  } as const;
  const asked = approval
    ? ', once somebody has approved it (npx tempbalance cloud approve)'
    : ', and nobody is asked before';
  return [
    `Publishing: deployed, the best model goes to ${places[to]} under the name ${name ?? 'of the profile'} when the run has ended well${asked}`,
    `  That needs publishing.${to} in the settings of the deployment (docs/publish.md). A run on this machine publishes nothing.`,
  ].join('\n');
}

async function formatPlan(plan: Plan): Promise<string> {
  const { formatTable } = await import('../../shared/core/table.ts');
  const { formatDuration, formatNumber, formatUsd } = await import('../../shared/reports/format.ts');
  const row = (name: string, of: (estimate: RunEstimate) => string) => [name, ...plan.estimates.map(of)];
  const stops = ({ limit, epochsInBudget, refused }: RunEstimate) => {
    if (refused) return 'refused: budget.usd is too small';
    return limit === 'epochs' ? 'after the last epoch' : `budget.${limit}, after epoch ${epochsInBudget}`;
  };
  const time = (seconds: number) => (seconds < 1 ? `${formatNumber(1000 * seconds, 3)} ms` : formatDuration(seconds));
  const table = formatTable([
    row('', ({ place }) => place),
    row('a step', ({ stepSeconds }) => time(stepSeconds)),
    row('an analysis', ({ analysisSeconds }) => time(analysisSeconds)),
    row('an epoch', ({ epochSeconds }) => formatDuration(epochSeconds)),
    row('', ({ epochUsd }) => formatUsd(epochUsd)),
    row('epochs a job', ({ epochsPerJob }) => String(epochsPerJob)),
    ...(plan.testSamples === undefined ? [] : [row('test', ({ testSeconds }) => time(testSeconds))]),
    row('all epochs', ({ seconds }) => formatDuration(seconds)),
    row('', ({ usd }) => formatUsd(usd)),
    row('  of it jobs', ({ parts }) => formatUsd(parts?.jobs ?? null)),
    row('  functions', ({ parts }) => formatUsd(parts?.functions ?? null)),
    row('  requests', ({ parts }) => formatUsd(parts?.requests ?? null)),
    row('storage a month', ({ storageUsdAMonth }) => formatUsd(storageUsdAMonth)),
    row('stops', stops),
  ]);
  const { runFile, epochs, steps, parameters, frozen, stepFlops, target } = plan;
  const trained = frozen > 0 ? `${parameters} of ${parameters + frozen}` : String(parameters);
  const { hereGb, jobGb, usualGb } = plan.memory;
  const isTooLarge = usualGb !== null && jobGb > usualGb;
  return [
    `${runFile}: ${epochs} epochs of ${steps} steps, ${trained} parameters, ${formatNumber(stepFlops / 1e9, 3)} GFLOP a step`,
    rowsOf(plan),
    '',
    table,
    '',
    `Deployed, it trains on: ${target} (compute.target)`,
    `Memory: about ${formatNumber(hereGb, 2)} GiB here; a job there takes about ${formatNumber(jobGb, 2)} GiB, and usually has ${usualGb}${isTooLarge ? ': it is refused unless the deployment gives more (docs/deploy.md)' : ''}`,
    ...(plan.publish ? [publication(plan.publish)] : []),
    '',
    `Balance: ${plan.balance?.covered ?? 'off, all layers train at the base rate'}`,
    ...(plan.balance
      ? [
          `Method: ${plan.balance.method}`,
          `Rates: ${plan.balance.timing}`,
          ...plan.balance.notes.map((note) => `Note: ${note}`),
        ]
      : []),
    '',
    'Assumed:',
    ...plan.assumptions.map((line) => `- ${line}`),
  ].join('\n');
}
