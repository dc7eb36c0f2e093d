import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { cloudMeter } from '../../shared/cloud/meter.ts';
import { priceTableSchema } from '../../shared/costs/prices.ts';
import { runCli } from '../support/cli.ts';
import { type ListedProduct, startPriceList } from '../support/price-list.ts';
import { startTestS3 } from '../support/s3.ts';
import { temporaryFolder } from '../support/small-run.ts';

const s3 = await startTestS3();

/** What a region has, all but some instance types. */
function listedIn(regionCode: string, prefix: string): ListedProduct[] {
  const product = (service: string, usagetype: string, usd: number, more: Record<string, string> = {}) => ({
    service,
    attributes: { regionCode, usagetype: `${prefix}${usagetype}`, ...more },
    usd,
  });
  const plain = { operatingSystem: 'Linux', tenancy: 'Shared', preInstalledSw: 'NA', capacitystatus: 'Used' };
  return [
    product('AmazonEC2', 'BoxUsage:g4dn.xlarge', 0.587, { ...plain, instanceType: 'g4dn.xlarge' }),
    product('AmazonEC2', 'BoxUsage:g5.xlarge', 9, { ...plain, operatingSystem: 'Windows', instanceType: 'g5.xlarge' }),
    product('AmazonEC2', 'BoxUsage:g5.xlarge', 1.123, { ...plain, instanceType: 'g5.xlarge' }),
    product('AmazonECS', 'Fargate-ARM-vCPU-Hours:perCPU', 0.03),
    product('AmazonECS', 'Fargate-vCPU-Hours:perCPU', 0.04048),
    product('AmazonECS', 'Fargate-GB-Hours', 0.004445),
    product('AWSLambda', 'Lambda-GB-Second', 0.0000166667, { group: 'AWS-Lambda-Duration' }),
    product('AWSLambda', 'Request', 0.0000002, { group: 'AWS-Lambda-Requests' }),
    product('AmazonS3', 'Requests-Tier1', 0.000005, { group: 'S3-API-Tier1' }),
    product('AmazonS3', 'Requests-Tier2', 0.0000004, { group: 'S3-API-Tier2' }),
    product('AmazonS3', 'TimedStorage-ByteHrs', 0.023, { volumeType: 'Standard' }),
    product('AmazonStates', 'StateTransition', 0.000025),
  ];
}

const everywhere = [...listedIn('us-east-1', ''), ...listedIn('eu-west-1', 'EUW1-')];

/** Nothing of the machine's own settings for AWS. */
const nobody = {
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const someone = { ...nobody, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_MAX_ATTEMPTS: '1' };

const expectedPrices = {
  instances: { 'g4dn.xlarge': 0.587, 'g5.xlarge': 1.123 },
  fargateVcpuHour: 0.04048,
  fargateGbHour: 0.004445,
  lambdaGbSecond: 0.0000166667,
  lambdaRequest: 0.0000002,
  s3Write: 0.000005,
  s3Read: 0.0000004,
  s3GbMonth: 0.023,
  stateTransition: 0.000025,
};

describe('prices', () => {
  it('prints the dated table of a region, page by page out of the Price List', async () => {
    const { url, requests } = await startPriceList(everywhere);
    const { code, stdout, stderr } = await runCli(['prices', '--region', 'eu-west-1'], {
      env: { ...someone, AWS_ENDPOINT_URL: url },
    });
    expect(code).toBe(0);
    const table = priceTableSchema.parse(JSON.parse(stdout));
    expect(table.regions).toEqual({ 'eu-west-1': expectedPrices });
    expect(table.source).toContain('AWS Price List');
    expect(stderr).toMatch(/note: eu-west-1 does not have g4dn\.2xlarge, .*g6e\.2xlarge/);
    expect(requests.some(({ NextToken }) => NextToken !== undefined)).toBe(true);
    expect(new Set(requests.flatMap(({ Filters = [] }) => Filters.map(({ Type }) => Type)))).toEqual(
      new Set(['TERM_MATCH']),
    );
  });

  it('writes a table, which plan takes, and looks its regions up anew with another', async () => {
    const { url } = await startPriceList(everywhere);
    const out = join(await temporaryFolder(), 'prices.json');
    const env = { ...someone, AWS_ENDPOINT_URL: url };
    expect((await runCli(['prices', '--region', 'us-east-1', '--out', out], { env })).stdout).toContain(out);
    const old = JSON.parse(await readFile(out, 'utf8'));
    old.date = '2020-01-01';
    old.regions['us-east-1'].s3Write = 1;
    await writeFile(out, JSON.stringify(old));
    expect((await runCli(['prices', '--region', 'eu-west-1', '--out', out], { env })).code).toBe(0);
    const table = priceTableSchema.parse(JSON.parse(await readFile(out, 'utf8')));
    expect(table.regions).toEqual({ 'us-east-1': expectedPrices, 'eu-west-1': expectedPrices });
    expect(table.date).not.toBe('2020-01-01');
  });

  it.skipIf(!s3)('puts a table where a deployment looks for it', async () => {
    const { url } = await startPriceList(everywhere);
    const { client, bucket } = await s3!.options();
    const env = {
      ...someone,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: s3!.proxy.url,
      AWS_ENDPOINT_URL_PRICING: url,
    };
    const given = ['prices', '--region', 'eu-west-1', '--upload'];
    const { code, stdout } = await runCli([...given, bucket], { env });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `prices of eu-west-1 put to s3://${bucket}/prices/prices.json\n`,
    });
    const takeRequests = () => ({ writes: 0, reads: 0 });
    const meter = cloudMeter({ store: s3Store({ client, bucket }), region: 'eu-west-1', takeRequests });
    expect(await meter.prices()).toEqual(expectedPrices);
    const refused = await runCli([...given, 'no-such-bucket'], { env });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("s3://no-such-bucket/prices/prices.json: can't be written");
  });

  it('says what is wrong with a region, with credentials, and with rights, with exit code 2', async () => {
    const { url } = await startPriceList(everywhere);
    const region = await runCli(['prices', '--region', 'eu-wets-1'], { env: { ...someone, AWS_ENDPOINT_URL: url } });
    expect(region).toMatchObject({ code: 2, stdout: '' });
    expect(region.stderr).toMatch(
      /the AWS Price List has no g4dn\.xlarge.* in eu-wets-1\n {2}Check the name of the region/,
    );

    const denied = await startPriceList([], { status: 400, type: 'AccessDeniedException' });
    const rights = await runCli(['prices'], { env: { ...someone, AWS_ENDPOINT_URL: denied.url } });
    expect(rights).toMatchObject({ code: 2, stdout: '' });
    expect(rights.stderr).toContain('pricing:GetProducts');

    const unknown = await startPriceList([], { status: 400, type: 'UnrecognizedClientException' });
    const keys = await runCli(['prices'], { env: { ...someone, AWS_ENDPOINT_URL: unknown.url } });
    expect(keys.code).toBe(2);
    expect(keys.stderr).toContain('does not take these credentials');

    const noKeys = { ...nobody, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_ENDPOINT_URL: url };
    const none = await runCli(['prices'], { env: noKeys });
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('there are no AWS credentials');
  });

  it('ends with exit code 1 when the list does not answer', async () => {
    const broken = await startPriceList([], { status: 500, type: 'InternalErrorException' });
    const { code, stderr } = await runCli(['prices'], { env: { ...someone, AWS_ENDPOINT_URL: broken.url } });
    expect(code).toBe(1);
    expect(stderr).toContain('does not answer as it should');
  });
});
