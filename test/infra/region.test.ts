import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../infra/build-app.ts';
import { type Offer, parseOffer, withinOffer } from '../../infra/region.ts';
import { parseSettings } from '../../infra/settings.ts';
import { gpuTypes } from '../../shared/cloud/region-offer.ts';
import { asText, type Properties, propertiesOf, statementsByRole } from './policies.ts';
import { everySetting, fullDocument } from './synthesize.ts';

const outdir = mkdtempSync(join(tmpdir(), 'tempbalance-region-'));
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

const zones = ['a', 'b', 'c', 'd', 'e'].map((letter) => `eu-south-9${letter}`);
const offer: Offer = {
  region: 'eu-south-9',
  zones,
  types: { 'g4dn.xlarge': zones.slice(0, 2), 'g5.xlarge': zones, 'g6e.2xlarge': zones.slice(4) },
  subnets: {},
};

function deployed(settings: object, context: unknown) {
  const notes: string[] = [];
  const { app, stack } = buildApp({
    outdir,
    documents: { run: fullDocument },
    context: { tempbalance: settings, 'tempbalance-offer': context, 'aws:cdk:bundling-stacks': [] },
    tell: (note) => notes.push(note),
  });
  return { template: Template.fromJSON(app.synth().getStackArtifact(stack.artifactId).template), notes };
}

describe('a deployment whose region was asked', () => {
  it('leaves out the classes that no zone has, says so, and uses all zones', () => {
    const { template, notes } = deployed({}, JSON.stringify(offer));
    const fleets = propertiesOf(template, 'AWS::Batch::ComputeEnvironment').map((each) => each.ComputeResources);
    const types = fleets.flatMap(({ InstanceTypes }) => (InstanceTypes ? [InstanceTypes] : []));
    expect(types).toEqual([
      ['g4dn.xlarge', 'g5.xlarge'],
      ['g4dn.xlarge', 'g5.xlarge'],
    ]);
    for (const { Subnets } of fleets) expect(Subnets).toHaveLength(zones.length);
    const subnets = propertiesOf(template, 'AWS::EC2::Subnet').map((each) => each.AvailabilityZone);
    expect(subnets).toEqual(zones);
    expect(notes).toEqual([
      `eu-south-9 (${zones.join(', ')}) has g4dn.xlarge in 2 of 5 zones, g5.xlarge in 5 of 5 zones`,
      'gpuClasses: g6.xlarge is left out: none of the zones has it',
    ]);
  });

  it('has three zones where each costs, and as many as the settings say', () => {
    const fitted = (network: object) => withinOffer(parseSettings({ network }), offer).zones;
    expect(fitted({ subnets: 'private' })).toEqual(zones.slice(0, 3));
    expect(fitted({ zones: 4 })).toEqual(zones.slice(0, 4));
    expect(() => fitted({ zones: 6 })).toThrow(/network.zones: are 6, and eu-south-9 has 5: eu-south-9a/);
  });

  it('has private subnets only in zones that have their endpoints', () => {
    const within = (endpoints: readonly string[], network: object) =>
      withinOffer(parseSettings({ network }), { ...offer, endpoints: [...endpoints] }).zones;
    const without = zones.filter((zone) => !zone.endsWith('b'));
    expect(within(without, { subnets: 'private' })).toEqual(without.slice(0, 3));
    expect(within(without, { zones: 2 })).toEqual(zones.slice(0, 2));
    expect(() => within(without, { subnets: 'private', zones: 5 })).toThrow(
      /are 5, and eu-south-9 has 4 with the endpoints of private subnets: eu-south-9a, eu-south-9c/,
    );
    expect(() => within([], { subnets: 'private' })).toThrow(
      'network.subnets: eu-south-9 has no zone with the endpoints of private subnets',
    );
  });

  it('goes by the zones of subnets that are there already', () => {
    const [one, two] = everySetting.network.subnetIds as [string, string];
    const within = (subnets: Record<string, string>) =>
      withinOffer(parseSettings(everySetting), { ...offer, subnets }).notes;
    expect(within({ [one]: zones[4]!, [two]: zones[3]! })[0]).toContain(
      '(eu-south-9d, eu-south-9e) has g6e.2xlarge in 1 of 2 zones',
    );
    expect(() => within({ [one]: zones[0]!, [two]: zones[1]! })).toThrow(
      'gpuClasses: none of g6e.2xlarge is to be had in eu-south-9 (eu-south-9a, eu-south-9b)',
    );
    expect(within({})[0]).toContain('g6e.2xlarge in 1 of 5 zones');
  });

  it('is refused before anything is made where no class is left, with what there is', () => {
    expect(() => deployed({ gpuClasses: ['g6'] }, offer)).toThrow(
      /gpuClasses: none of g6.xlarge is to be had in eu-south-9 .*\n {2}There are: g4dn.xlarge, g5.xlarge, g6e.2xlarge/,
    );
  });
});

describe('data and models of a GPU machine', () => {
  it('stay in a folder of its disk that its jobs share and may write, within a bound', () => {
    const { template } = deployed({}, undefined);
    const [gpu, cpu] = propertiesOf(template, 'AWS::Batch::JobDefinition').map((each) => each.ContainerProperties);
    const { Host } = gpu.Volumes.find(({ Name }: Properties) => Name === 'input-cache');
    const { ContainerPath, ReadOnly } = gpu.MountPoints.find(
      ({ SourceVolume }: Properties) => SourceVolume === 'input-cache',
    );
    expect(ReadOnly).not.toBe(true);
    const told = Object.fromEntries(gpu.Environment.map(({ Name, Value }: Properties) => [Name, Value]));
    expect(told).toMatchObject({ TEMPBALANCE_INPUT_CACHE: ContainerPath, TEMPBALANCE_INPUT_CACHE_GB: '30' });
    const [machine] = propertiesOf(template, 'AWS::EC2::LaunchTemplate');
    const [owner, group] = gpu.User.split(':');
    expect(asText(machine!.LaunchTemplateData.UserData['Fn::Base64'])).toContain(
      `install --directory --owner ${owner} --group ${group} ${Host.SourcePath}`,
    );
    // No machine of Fargate is there for a second job.
    expect(cpu.Environment.map(({ Name }: Properties) => Name)).not.toContain('TEMPBALANCE_INPUT_CACHE');
  });
});

describe('a second region', () => {
  it('is told to the two functions that hand runs over, which may copy them there and start them, and nothing else', () => {
    const { template } = deployed({ fallbackRegion: 'eu-west-1' }, undefined);
    const told = propertiesOf(template, 'AWS::Lambda::Function').flatMap(
      ({ Environment }) => Environment?.Variables?.TEMPBALANCE_FALLBACK ?? [],
    );
    expect(told).toEqual(Array(2).fill(JSON.stringify({ stack: 'tempbalance', region: 'eu-west-1' })));
    const there = [...statementsByRole(template)].flatMap(([role, statements]) =>
      statements
        .filter(({ resources }) => /eu-west-1|artifactsbucket/.test(JSON.stringify(resources)))
        .map(({ actions }) => [role.replace(/[0-9A-F]{8}$/, ''), ...actions.toSorted()]),
    );
    const notesHere = [...statementsByRole(template)].filter(([, statements]) =>
      statements.some(({ resources }) => /\.Arn>\/runs\/\*\/outcome\.json$/.test(resources.join())),
    );
    expect(notesHere.map(([role]) => role.replace(/[0-9A-F]{8}$/, ''))).toEqual(
      expect.arrayContaining(['FunctionsPrepareRole', 'FunctionsCollectEpochRole']),
    );
    const allowed = [
      ['cloudformation:DescribeStacks'],
      ['states:StartExecution'],
      ['s3:ListBucket'],
      ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
      ['s3:DeleteObject'],
    ];
    const roles = ['FunctionsPrepareRole', 'FunctionsCollectEpochRole'];
    expect(there).toEqual(roles.flatMap((role) => allowed.map((actions) => [role, ...actions])));
  });

  it('gets what a key of its own encrypts, and what is encrypted there by another', () => {
    const { kmsKeyArn, fallbackRegion, fallbackKmsKeyArn } = everySetting;
    const { template } = deployed({ kmsKeyArn, fallbackRegion, fallbackKmsKeyArn }, undefined);
    const keysOf = (role: string) =>
      [...statementsByRole(template)]
        .filter(([id]) => id.startsWith(role))
        .flatMap(([, statements]) =>
          statements.filter(({ actions }) => actions.some((name) => name.startsWith('kms:'))),
        )
        .map(({ actions, resources }) => [...resources, ...actions]);
    const both = ['kms:Decrypt', 'kms:GenerateDataKey'];
    for (const role of ['FunctionsPrepareRole', 'FunctionsCollectEpochRole']) {
      expect(keysOf(role)).toEqual([
        [kmsKeyArn, ...both],
        [fallbackKmsKeyArn, ...both],
      ]);
    }
    expect(keysOf('FunctionsCheckpointRole')).toEqual([[kmsKeyArn, ...both]]);
  });

  it('is none by default, and has a key of its own where this one has', () => {
    expect(parseSettings({}).fallbackRegion).toBeUndefined();
    const { kmsKeyArn, fallbackKmsKeyArn } = everySetting;
    expect(() => parseSettings({ fallbackRegion: 'eu-central-1', kmsKeyArn })).toThrow(
      /fallbackRegion: needs fallbackKmsKeyArn beside kmsKeyArn/,
    );
    expect(() => parseSettings({ fallbackRegion: 'eu-north-1', fallbackKmsKeyArn })).toThrow(
      /fallbackKmsKeyArn: is a key of eu-central-1, and fallbackRegion is eu-north-1/,
    );
    expect(() => parseSettings({ fallbackKmsKeyArn })).toThrow(/fallbackKmsKeyArn: is for fallbackRegion/);
    expect(() => parseSettings({ fallbackRegion: 'Ireland' })).toThrow(/must be the code of a region/);
  });
});

describe('services that are let in', () => {
  it('act for this account alone, but for three of which AWS passes no account on', () => {
    const { template } = deployed({ schedules: everySetting.schedules }, undefined);
    const open: string[] = [];
    for (const [id, { Properties }] of Object.entries(template.toJSON().Resources as Record<string, Properties>)) {
      const documents = ['AssumeRolePolicyDocument', 'PolicyDocument', 'KeyPolicy'].map((key) => Properties?.[key]);
      for (const { Principal, Condition } of documents.flatMap((document) => document?.Statement ?? [])) {
        if (!Principal?.Service) continue;
        const isBound = /"aws:Source(Account|Arn)"/.test(JSON.stringify(Condition ?? {}));
        if (!isBound) open.push(`${id.replace(/[0-9A-F]{8}$/, '')} ${Principal.Service}`);
      }
    }
    expect(open).toEqual([
      'NotificationsKey events.amazonaws.com',
      'NotificationsTopicPolicy events.amazonaws.com',
      'ComputeInstanceRole ec2.amazonaws.com',
    ]);
    for (const { Principal, SourceArn } of propertiesOf(template, 'AWS::Lambda::Permission')) {
      expect([Principal, SourceArn]).toEqual(['events.amazonaws.com', expect.anything()]);
    }
  });
});

describe('what a region offers', () => {
  it('changes nothing where nobody has asked', () => {
    const settings = parseSettings({});
    expect(withinOffer(settings, undefined)).toEqual({ settings, notes: [] });
  });

  it('is refused where it is something else', () => {
    expect(() => parseOffer('{"zones":3}')).toThrow(/context "tempbalance-offer": is not what a region offers/);
    expect(() => parseOffer('{')).toThrow(/tempbalance-offer/);
  });

  it('is asked for every type that settings can name', () => {
    const names = ['g4dn', 'g5', 'g6', 'g6e'].flatMap((name) => ['xlarge', '2xlarge'].map((size) => `${name}.${size}`));
    for (const type of names) {
      const [gpuClass, gpuSize] = type.split('.');
      expect(parseSettings({ gpuClasses: [gpuClass], gpuSize }).gpuClasses).toEqual([gpuClass]);
    }
    expect(gpuTypes).toEqual(names);
    expect(() => parseSettings({ gpuClasses: ['p5'] })).toThrow(/g4dn, g5, g6, g6e|"g4dn"/);
  });
});
