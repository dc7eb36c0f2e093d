import { DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askRegion, networkToAsk, offerAnswer } from '../../shared/cloud/region-offer.ts';
import { startDeployment } from '../support/deployment.ts';

const deployment = await startDeployment();

describe.skipIf(!deployment)('asking a region', () => {
  it('gives its zones, the zones of each type, and those of subnets', async () => {
    const client = new EC2Client({ region: 'us-west-1' });
    onTestFinished(() => client.destroy());
    const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({}));
    const { SubnetId: id, AvailabilityZone: zone } = Subnets[0]!;
    const offer = await askRegion('us-west-1', { subnetIds: [id!] });
    expect(offer.region).toBe('us-west-1');
    expect(offer.zones.length).toBeGreaterThanOrEqual(2);
    expect(offer.subnets).toEqual({ [id!]: zone });
    for (const zones of Object.values(offer.types)) {
      for (const each of zones) expect(offer.zones).toContain(each);
    }
    expect(offer.types['g4dn.xlarge']?.length).toBeGreaterThan(0);
  });

  it('gives the zones that have the endpoints of private subnets, where they are asked for', async () => {
    const { zones, endpoints } = await askRegion('us-west-1', { endpoints: true });
    expect(endpoints!.length).toBeGreaterThan(0);
    for (const zone of endpoints!) expect(zones).toContain(zone);
    expect(await askRegion('us-west-1')).not.toHaveProperty('endpoints');
  });

  it('fails for a subnet that is not there', async () => {
    await expect(askRegion('us-west-1', { subnetIds: ['subnet-0a1b2c3d'] })).rejects.toThrow();
  });
});

describe('the machines of a deployment', () => {
  const offer = {
    region: 'us-east-9',
    zones: ['a', 'b', 'c'],
    types: { 'g4dn.xlarge': ['a', 'b'], 'g5.xlarge': ['b', 'c'], 'g6.xlarge': ['c'] },
    subnets: { 'subnet-1': 'a', 'subnet-2': 'b' },
  };
  const fleet = (...types: string[]) => [{ types, subnetIds: ['subnet-1', 'subnet-2'] }];

  it('are told by zone', () => {
    expect(offerAnswer(offer, fleet('g4dn.xlarge', 'g5.xlarge'))).toEqual({
      result: 'ok',
      found: 'g4dn.xlarge in 2, g5.xlarge in 1 of zones a, b',
    });
  });

  it('that no zone has are told, with where there are others', () => {
    expect(offerAnswer(offer, fleet('g4dn.xlarge', 'g6.xlarge'))).toEqual({
      result: 'note',
      found: 'g4dn.xlarge in 2 of zones a, b; no g6.xlarge',
      remedy: 'Other zones have g5.xlarge, g6.xlarge: change gpuClasses or network, and deploy again.',
    });
    expect(offerAnswer(offer, fleet('g6.xlarge'))).toMatchObject({ result: 'problem' });
    expect(offerAnswer(offer, [])).toMatchObject({ result: 'problem' });
  });
});

describe('what a network makes worth asking', () => {
  it('is its subnets, and endpoints where the stack makes private ones', () => {
    const asked = (network: unknown) => networkToAsk({ network });
    expect(asked({ subnetIds: ['subnet-1'], vpcId: 'vpc-1', subnets: 'private' })).toEqual({
      subnetIds: ['subnet-1'],
      endpoints: false,
    });
    expect(asked({ subnets: 'private' })).toEqual({ subnetIds: [], endpoints: true });
    for (const settings of [{ network: {} }, { network: null }, {}, undefined]) {
      expect(networkToAsk(settings)).toEqual({ subnetIds: [], endpoints: false });
    }
  });
});
