import { access } from 'node:fs/promises';
import { Option } from 'commander';
import { messageOf } from '../../shared/core/errors.ts';
import type { PriceTable, RegionPrices } from '../../shared/costs/prices.ts';
import { type CliCommand, print } from '../command.ts';
import { packagedPrices, readPriceTable } from '../price-table.ts';
import { writeText } from '../write-text.ts';

export const pricesCommand: CliCommand<{ region: string[]; out?: string; upload?: string }> = {
  usage: 'prices',
  description: 'look up prices in the AWS Price List: a dated table, for plan and for what a deployment meters by',
  examples: [
    'npx tempbalance prices --region eu-west-1',
    'npx tempbalance prices --region eu-west-1 --out prices.json && npx tempbalance plan --region eu-west-1 --prices prices.json',
    'npx tempbalance prices --region eu-west-1 --upload tempbalance-artifacts-0123',
  ],
  options: [
    new Option('--region <name>', 'a region; may be repeated (default: AWS_REGION, or else us-east-1)')
      .argParser((name: string, before: string[]) => [...before, name])
      .default([], 'none'),
    new Option('--out <file>', 'write the table there; the regions that a table there has are looked up anew, too'),
    new Option(
      '--upload <bucket>',
      "put the table where a deployment looks for it: prices/prices.json in the service's bucket",
    ),
  ],
  async run(_positional, { region, out, upload }) {
    const before = out !== undefined && (await isThere(out)) ? await readPriceTable(out) : undefined;
    const asked = region.length > 0 ? region : [process.env.AWS_REGION ?? 'us-east-1'];
    const regions = [...new Set([...Object.keys(before?.regions ?? {}), ...asked])];
    const table = await lookUp(regions, new Date());
    const text = `${JSON.stringify(table, null, 2)}\n`;
    if (out !== undefined) {
      await writeText(out, text);
      print(`prices of ${regions.join(', ')} written to ${out}`);
    }
    if (upload !== undefined) print(`prices of ${regions.join(', ')} put to ${await uploadTable(upload, text)}`);
    if (out === undefined && upload === undefined) print(text.trimEnd());
    return 0;
  },
};

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function lookUp(regions: readonly string[], now: Date): Promise<PriceTable> {
  const { PricingClient } = await import('@aws-sdk/client-pricing');
  const { priceListApi, priceListRegion } = await import('../../shared/cloud/price-list-api.ts');
  const { fetchPrices } = await import('../../shared/costs/price-list.ts');
  const types = [
    ...new Set(Object.values(packagedPrices().regions).flatMap(({ instances }) => Object.keys(instances))),
  ];
  const client = new PricingClient({ region: priceListRegion });
  const found: Record<string, RegionPrices> = {};
  try {
    for (const region of regions) {
      const prices = await fetchPrices(priceListApi(client), region, types);
      const missing = types.filter((type) => !(type in prices.instances));
      if (missing.length > 0) process.stderr.write(`note: ${region} does not have ${missing.join(', ')}\n`);
      found[region] = prices;
    }
  } finally {
    client.destroy();
  }
  return {
    version: 1,
    date: now.toISOString().slice(0, 10),
    source: 'AWS Price List, Linux, on demand',
    regions: found,
  };
}

/** @returns where it is now. */
async function uploadTable(bucket: string, text: string): Promise<string> {
  const { PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
  const { priceTableKey } = await import('../../shared/cloud/meter.ts');
  const { UserError } = await import('../../shared/core/errors.ts');
  const client = new S3Client({ forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined });
  const address = `s3://${bucket}/${priceTableKey}`;
  try {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: priceTableKey, Body: text }));
    return address;
  } catch (cause) {
    throw new UserError(`can't be written (${messageOf(cause)})`, {
      where: address,
      remedy: 'Check the name of the bucket, your credentials, and AWS_REGION.',
      cause,
    });
  } finally {
    client.destroy();
  }
}
