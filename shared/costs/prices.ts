/** What cloud resources cost: a dated table by region, and the cost of what a task used. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';

const usd = (text: string) => z.number().positive().describe(text);

export const regionPricesSchema = z
  .strictObject({
    instances: z
      .record(z.string(), z.number().positive())
      .describe('On-demand price of an instance type, in US dollars an hour; Spot costs less and is counted alike.'),
    fargateVcpuHour: usd('Fargate, x86, for a processor and hour.'),
    fargateGbHour: usd('Fargate, x86, for a GB of memory and hour.'),
    lambdaGbSecond: usd('Lambda, x86, for a GB of memory and second.'),
    lambdaRequest: usd('Lambda, for a request.'),
    s3Write: usd('S3 standard, for a PUT, COPY, POST or LIST request.'),
    s3Read: usd('S3 standard, for a GET request.'),
    s3GbMonth: usd('S3 standard, for a GB and month.'),
    stateTransition: usd('Step Functions standard, for a state transition.'),
  })
  .describe('Prices in a region, in US dollars.');
export type RegionPrices = z.output<typeof regionPricesSchema>;

export const priceTableSchema = z.strictObject({
  version: z.literal(1),
  date: z.iso.date().describe('When the prices were looked up.'),
  source: z.string().describe('Where.'),
  regions: z.record(z.string(), regionPricesSchema),
});
export type PriceTable = z.output<typeof priceTableSchema>;

/** @throws UserError when the table doesn't have the region. */
export function pricesOf({ regions, date }: PriceTable, region: string): RegionPrices {
  const prices = Object.hasOwn(regions, region) && regions[region];
  if (prices) return prices;
  const known = Object.keys(regions);
  throw new UserError(`there are no prices of ${region} in the table of ${date}`, {
    remedy: `${didYouMean(region, known) || `It has ${known.join(', ')}.`} \`npx tempbalance prices --region ${region}\` looks them up: with --out FILE for plan, with --upload BUCKET for a deployment.`,
  });
}

/** A resource that is billed by the second while a task runs on it. */
export const resourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('instance'), instance: z.string() }),
  z.strictObject({ kind: z.literal('fargate'), vcpus: z.number().positive(), memoryGb: z.number().positive() }),
  z.strictObject({ kind: z.literal('lambda'), memoryGb: z.number().positive() }),
]);
export type Resource = z.output<typeof resourceSchema>;

/** The resource that a task used, and for how many seconds. */
export type Usage = Resource & { readonly seconds: number };

/** What a resource costs a second while it is used, in US dollars. @throws UserError for an unknown instance type. */
export function usdPerSecond(resource: Resource, prices: RegionPrices): number {
  switch (resource.kind) {
    case 'instance': {
      const hour = prices.instances[resource.instance];
      if (hour !== undefined) return hour / 3600;
      const known = Object.keys(prices.instances);
      throw new UserError(`there is no price of ${resource.instance}`, {
        remedy: didYouMean(resource.instance, known) || `The table has ${known.join(', ')}.`,
      });
    }
    case 'fargate':
      return (resource.vcpus * prices.fargateVcpuHour + resource.memoryGb * prices.fargateGbHour) / 3600;
    case 'lambda':
      return resource.memoryGb * prices.lambdaGbSecond;
  }
}

/** The number of a task's requests to other services. */
export interface Requests {
  readonly writes: number;
  readonly reads: number;
  readonly transitions: number;
}

/** Requests to S3 and transitions of the workflow, in US dollars. */
export const usdOfRequests = (
  { writes, reads, transitions }: Requests,
  { s3Write, s3Read, stateTransition }: Pick<RegionPrices, 's3Write' | 's3Read' | 'stateTransition'>,
): number => writes * s3Write + reads * s3Read + transitions * stateTransition;

/** Fargate and EC2 bill at least a minute. */
const leastSeconds = 60;

/** What was used, in US dollars. @throws UserError for an unknown instance type. */
export function usdOf(usage: Usage, prices: RegionPrices): number {
  const rate = usdPerSecond(usage, prices);
  return usage.kind === 'lambda'
    ? rate * usage.seconds + prices.lambdaRequest
    : rate * Math.max(usage.seconds, leastSeconds);
}
