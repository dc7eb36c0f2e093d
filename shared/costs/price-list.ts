/** The prices of a region out of the AWS Price List. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { type RegionPrices, regionPricesSchema } from './prices.ts';

/** Products of a service whose attributes have these values, each as the Price List describes it, in JSON. */
export type QueryProducts = (service: string, attributes: Readonly<Record<string, string>>) => Promise<string[]>;

/** Of what is not sold on demand there is no such term; elsewhere in the world prices may be in another currency alone. */
const productSchema = z.object({
  product: z.object({ attributes: z.record(z.string(), z.string()) }),
  terms: z.object({
    OnDemand: z
      .record(
        z.string(),
        z.object({
          priceDimensions: z.record(z.string(), z.object({ pricePerUnit: z.object({ USD: z.string().optional() }) })),
        }),
      )
      .default({}),
  }),
});
type Product = z.output<typeof productSchema>;

/** Where a price is found: a service, attributes to ask for, and what the usage type of the right product looks like. */
interface PriceQuery {
  readonly service: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly usageType: RegExp;
}

/** Usage types have a prefix for the region (`EUW1-`), but in the oldest one. */
const usage = (name: string) => new RegExp(`^(?:[A-Z0-9]+-)?${name}$`);

const queries: Readonly<Record<Exclude<keyof RegionPrices, 'instances'>, PriceQuery>> = {
  fargateVcpuHour: { service: 'AmazonECS', attributes: {}, usageType: usage('Fargate-vCPU-Hours:perCPU') },
  fargateGbHour: { service: 'AmazonECS', attributes: {}, usageType: usage('Fargate-GB-Hours') },
  lambdaGbSecond: {
    service: 'AWSLambda',
    attributes: { group: 'AWS-Lambda-Duration' },
    usageType: usage('Lambda-GB-Second'),
  },
  lambdaRequest: { service: 'AWSLambda', attributes: { group: 'AWS-Lambda-Requests' }, usageType: usage('Request') },
  s3Write: { service: 'AmazonS3', attributes: { group: 'S3-API-Tier1' }, usageType: usage('Requests-Tier1') },
  s3Read: { service: 'AmazonS3', attributes: { group: 'S3-API-Tier2' }, usageType: usage('Requests-Tier2') },
  s3GbMonth: {
    service: 'AmazonS3',
    attributes: { volumeType: 'Standard' },
    usageType: usage('TimedStorage-ByteHrs'),
  },
  stateTransition: { service: 'AmazonStates', attributes: {}, usageType: usage('StateTransition') },
};

/** An instance as it is started for a job: shared hardware, Linux, nothing installed or reserved. */
const plainInstance = {
  operatingSystem: 'Linux',
  tenancy: 'Shared',
  preInstalledSw: 'NA',
  capacitystatus: 'Used',
} as const;

/**
 * Looks up what a region's table holds; instance types that are not offered there are left out.
 * @throws UserError naming the price that the list does not have, or when it has none of the instance types.
 */
export async function fetchPrices(
  query: QueryProducts,
  region: string,
  instanceTypes: readonly string[],
): Promise<RegionPrices> {
  const find = async ({ service, attributes, usageType }: PriceQuery) => {
    const found = (await query(service, { regionCode: region, ...attributes })).map((text) =>
      productSchema.parse(JSON.parse(text)),
    );
    const prices = found
      .filter(({ product }) => usageType.test(product.attributes.usagetype ?? ''))
      .flatMap(chargedPrices);
    return prices.length > 0 ? Math.max(...prices) : undefined;
  };
  const missing = (what: string) =>
    new UserError(`the AWS Price List has no ${what} in ${region}`, {
      remedy: 'Check the name of the region, and whether the service is offered there.',
    });
  const instances: Record<string, number> = {};
  for (const instanceType of instanceTypes) {
    const attributes = { ...plainInstance, instanceType };
    const boxUsage = usage(`BoxUsage:${instanceType.replace('.', '\\.')}`);
    const price = await find({ service: 'AmazonEC2', attributes, usageType: boxUsage });
    if (price !== undefined) instances[instanceType] = price;
  }
  if (Object.keys(instances).length === 0) throw missing(instanceTypes.join(', '));
  const prices: Record<string, unknown> = { instances };
  for (const [name, priceQuery] of Object.entries(queries)) {
    const price = await find(priceQuery);
    if (price === undefined) throw missing(name);
    prices[name] = price;
  }
  return regionPricesSchema.parse(prices);
}

/** Every price of a product that is not free; with tiers the highest is that of the first, and free ones are not counted on. */
function chargedPrices({ terms }: Product): number[] {
  return Object.values(terms.OnDemand)
    .flatMap(({ priceDimensions }) => Object.values(priceDimensions))
    .map(({ pricePerUnit }) => Number(pricePerUnit.USD))
    .filter((price) => price > 0);
}
