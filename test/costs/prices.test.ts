import { describe, expect, it } from 'vitest';
import { fetchPrices } from '../../shared/costs/price-list.ts';
import table from '../../shared/costs/prices.json' with { type: 'json' };
import { pricesOf, priceTableSchema, type RegionPrices, usdOf, usdPerSecond } from '../../shared/costs/prices.ts';

const prices: RegionPrices = {
  instances: { 'g4dn.xlarge': 0.5, 'g5.xlarge': 1 },
  fargateVcpuHour: 0.04,
  fargateGbHour: 0.004,
  lambdaGbSecond: 0.00002,
  lambdaRequest: 0.0000002,
  s3Write: 0.000005,
  s3Read: 0.0000004,
  s3GbMonth: 0.02,
  stateTransition: 0.000025,
};

describe('the price table', () => {
  it('that is part of the package is of its schema, and dated', () => {
    expect(priceTableSchema.parse(table).date).toMatch(/^\d{4}-\d\d-\d\d$/);
  });

  it('says which regions it has, and how to add another', () => {
    const made = priceTableSchema.parse({
      version: 1,
      date: '2026-01-02',
      source: 'made up',
      regions: { 'eu-west-1': prices },
    });
    expect(pricesOf(made, 'eu-west-1')).toEqual(prices);
    expect(() => pricesOf(made, 'constructor')).toThrow('no prices of constructor');
    expect(() => pricesOf(made, 'eu-west-2')).toThrow(
      /no prices of eu-west-2 in the table of 2026-01-02.*eu-west-1.*npx tempbalance prices --region eu-west-2.*--upload BUCKET for a deployment/s,
    );
  });
});

describe('what a task used', () => {
  it('costs its seconds, and on a machine at least a minute', () => {
    expect(usdOf({ kind: 'instance', instance: 'g5.xlarge', seconds: 1800 }, prices)).toBeCloseTo(0.5, 12);
    expect(usdOf({ kind: 'instance', instance: 'g5.xlarge', seconds: 1 }, prices)).toBeCloseTo(1 / 60, 12);
    expect(usdOf({ kind: 'fargate', vcpus: 2, memoryGb: 10, seconds: 3600 }, prices)).toBeCloseTo(0.12, 12);
    expect(usdOf({ kind: 'lambda', memoryGb: 2, seconds: 0.5 }, prices)).toBeCloseTo(0.0000202, 12);
  });

  it('is unknown for an instance without a price', () => {
    const usage = { kind: 'instance', instance: 'g4dn.xlargee', seconds: 1 } as const;
    expect(() => usdPerSecond(usage, prices)).toThrow(/no price of g4dn.xlargee.*did you mean "g4dn.xlarge"/s);
  });
});

describe('the prices of a region', () => {
  const product = (usagetype: string, ...usd: string[]) =>
    JSON.stringify({
      product: { attributes: { usagetype } },
      terms: {
        OnDemand: {
          term: { priceDimensions: Object.fromEntries(usd.map((USD, tier) => [`${tier}`, { pricePerUnit: { USD } }])) },
        },
      },
    });
  const listed: Record<string, string[]> = {
    AmazonEC2: [product('EUW1-BoxUsage:g5.xlarge', '1.123'), product('EUW1-Reservation:g5.xlarge', '9')],
    AmazonECS: [
      product('EUW1-Fargate-vCPU-Hours:perCPU', '0.04048'),
      product('EUW1-Fargate-ARM-vCPU-Hours:perCPU', '0.03'),
      product('EUW1-Fargate-GB-Hours', '0.004445'),
    ],
    AWSLambda: [product('EUW1-Lambda-GB-Second', '0.0000166667', '0.000015'), product('EUW1-Request', '0.0000002')],
    AmazonS3: [
      product('EUW1-Requests-Tier1', '0.000005'),
      product('EUW1-Requests-Tier2', '0.0000004'),
      product('EUW1-TimedStorage-ByteHrs', '0.0220000000', '0.0230000000'),
    ],
    AmazonStates: [product('EUW1-StateTransition', '0', '0.000025')],
  };

  it('are taken from the products that are used, at their first charged tier', async () => {
    const asked: string[] = [];
    const found = await fetchPrices(
      async (service, { regionCode }) => {
        asked.push(`${service} ${regionCode}`);
        return listed[service]!;
      },
      'eu-west-1',
      ['g5.xlarge'],
    );
    expect(found).toEqual({
      instances: { 'g5.xlarge': 1.123 },
      fargateVcpuHour: 0.04048,
      fargateGbHour: 0.004445,
      lambdaGbSecond: 0.0000166667,
      lambdaRequest: 0.0000002,
      s3Write: 0.000005,
      s3Read: 0.0000004,
      s3GbMonth: 0.023,
      stateTransition: 0.000025,
    });
    expect(new Set(asked.map((line) => line.split(' ')[1]))).toEqual(new Set(['eu-west-1']));
  });

  it('have no instance types that are not offered there, but one at least', async () => {
    const query = async (service: string, { instanceType }: Readonly<Record<string, string>>) =>
      instanceType === undefined || instanceType === 'g5.xlarge' ? listed[service]! : [];
    const found = await fetchPrices(query, 'eu-west-1', ['g4dn.xlarge', 'g5.xlarge']);
    expect(found.instances).toEqual({ 'g5.xlarge': 1.123 });
    await expect(fetchPrices(query, 'eu-west-1', ['g4dn.xlarge', 'g6.xlarge'])).rejects.toThrow(
      'the AWS Price List has no g4dn.xlarge, g6.xlarge in eu-west-1',
    );
  });

  it('are found among products that are reserved alone, or sold in another currency', async () => {
    const attributes = { usagetype: 'EUW1-Fargate-GB-Hours' };
    const dimensions = { term: { priceDimensions: { 0: { pricePerUnit: { CNY: '9' } } } } };
    const others = [{ Reserved: {} }, { OnDemand: dimensions }].map((terms) =>
      JSON.stringify({ product: { attributes }, terms }),
    );
    const query = async (service: string) => [...others, ...listed[service]!];
    expect((await fetchPrices(query, 'eu-west-1', ['g5.xlarge'])).fargateGbHour).toBe(0.004445);
  });

  it('are refused when one is not listed', async () => {
    const query = async (service: string) => (service === 'AmazonStates' ? [] : listed[service]!);
    await expect(fetchPrices(query, 'eu-west-1', ['g5.xlarge'])).rejects.toThrow(
      'the AWS Price List has no stateTransition in eu-west-1',
    );
  });
});
