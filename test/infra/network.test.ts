import type { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { access } from '../../infra/access.ts';
import { endpointServices } from '../../shared/cloud/region-offer.ts';
import { asText, type Properties, propertiesOf, statementsByRole } from './policies.ts';
import { everySetting, removeOutput, synthesize } from './synthesize.ts';

let within: Template;
let apart: Template;

beforeAll(() => {
  within = synthesize(everySetting).template;
  apart = synthesize({ network: { subnets: 'private', cidr: '10.8.0.0/20', zones: 2 } }).template;
});
afterAll(removeOutput);

const fleets = (template: Template): Properties[] =>
  propertiesOf(template, 'AWS::Batch::ComputeEnvironment').map(({ ComputeResources }) => ComputeResources);
const fargateAddress = (template: Template) =>
  propertiesOf(template, 'AWS::Batch::JobDefinition').flatMap(
    ({ ContainerProperties }) => ContainerProperties.NetworkConfiguration?.AssignPublicIp ?? [],
  );

describe('a network of private subnets that the stack makes', () => {
  it('has no way out but to AWS, by endpoints for what jobs and their machines call', () => {
    apart.resourceCountIs('AWS::EC2::InternetGateway', 0);
    apart.resourceCountIs('AWS::EC2::NatGateway', 0);
    const subnets = propertiesOf(apart, 'AWS::EC2::Subnet');
    expect(subnets.map(({ CidrBlock }) => CidrBlock)).toEqual(['10.8.0.0/24', '10.8.1.0/24']);
    for (const { MapPublicIpOnLaunch } of subnets) expect(MapPublicIpOnLaunch).toBe(false);
    expect(fargateAddress(apart)).toEqual(['DISABLED']);
    const endpoints = propertiesOf(apart, 'AWS::EC2::VPCEndpoint');
    const services = endpoints.map(({ VpcEndpointType, ServiceName }) => [VpcEndpointType, asText(ServiceName)]);
    const region = 'com.amazonaws.<AWS::Region>';
    expect(services).toEqual([
      ['Gateway', `${region}.s3`],
      ...endpointServices.map((name) => ['Interface', `${region}.${name}`]),
    ]);
    for (const { VpcEndpointType, SubnetIds, PrivateDnsEnabled } of endpoints) {
      if (VpcEndpointType === 'Interface') expect([SubnetIds.length, PrivateDnsEnabled]).toEqual([2, true]);
    }
  });
});

describe('a network that is there already', () => {
  it('is used by its ids: the stack makes none, and its subnets are taken for private', () => {
    for (const type of ['AWS::EC2::VPC', 'AWS::EC2::Subnet', 'AWS::EC2::VPCEndpoint', 'AWS::EC2::SecurityGroup']) {
      within.resourceCountIs(type, 0);
    }
    const { subnetIds, securityGroupIds } = everySetting.network;
    for (const { Subnets, SecurityGroupIds } of fleets(within)) {
      expect([Subnets, SecurityGroupIds]).toEqual([subnetIds, securityGroupIds]);
    }
    expect(fargateAddress(within)).toEqual(['DISABLED']);
  });

  it('gets a security group where none is named, and jobs get public addresses where its subnets are public', () => {
    const { vpcId, subnetIds } = everySetting.network;
    const { template } = synthesize({ network: { vpcId, subnetIds, subnets: 'public' } });
    expect(fargateAddress(template)).toEqual(['ENABLED']);
    const [group, ...others] = propertiesOf(template, 'AWS::EC2::SecurityGroup');
    expect(others).toEqual([]);
    expect(group).toMatchObject({ VpcId: vpcId });
    expect(group!.SecurityGroupIngress).toBeUndefined();
    expect(group!.SecurityGroupEgress).toHaveLength(1);
  });
});

describe('a key of the customer', () => {
  const key = everySetting.kmsKeyArn;

  it('encrypts the bucket and the topic; the access logs, which S3 delivers to no such bucket, have its own', () => {
    within.resourceCountIs('AWS::KMS::Key', 0);
    within.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: key });
    const rules = propertiesOf(within, 'AWS::S3::Bucket').map(
      ({ BucketEncryption }) => BucketEncryption.ServerSideEncryptionConfiguration[0],
    );
    expect(rules).toEqual([
      { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
      {
        BucketKeyEnabled: true,
        ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key },
      },
    ]);
  });

  it('may be used by each role as far as it reads or writes, and by those that notify', () => {
    const roles = statementsByRole(within);
    const uses = (role: string) =>
      new Set(
        [...roles]
          .filter(([id]) => id.startsWith(role))
          .flatMap(([, statements]) => statements)
          .filter(({ resources }) => resources.includes(key))
          .flatMap(({ actions }) => actions),
      );
    const both = new Set(['kms:Decrypt', 'kms:GenerateDataKey']);
    expect(uses('JobsJobRole')).toEqual(both);
    for (const name of Object.keys(access).filter((name) => name !== 'train-epoch')) {
      const id = name.replace(/(^|-)([a-z])/g, (_match, _hyphen, letter: string) => letter.toUpperCase());
      const { write } = access[name as keyof typeof access];
      expect([name, uses(`Functions${id}Role`)]).toEqual([name, write.length > 0 ? both : new Set(['kms:Decrypt'])]);
    }
  });
});
