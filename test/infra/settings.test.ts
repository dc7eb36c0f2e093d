import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildApp } from '../../infra/build-app.ts';
import { parseSettings } from '../../infra/settings.ts';
import { everySetting } from './synthesize.ts';

const complaint = (settings: unknown) => {
  try {
    parseSettings(settings);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('there is no complaint');
};

describe('settings', () => {
  it('have a default for everything', () => {
    const settings = parseSettings(undefined);
    expect(settings).toMatchObject({
      name: 'tempbalance',
      schedules: [],
      removal: 'retain',
      onDemandWaitingLimitHours: 6,
    });
    expect(settings.images).toEqual({ build: 'docker', digests: {}, tensorflow: true });
    expect(settings.retention).toEqual({ rejectedDays: 30, replacedDays: 7, accessLogDays: 90 });
    expect(settings.network).toEqual({ cidr: '10.73.0.0/16', subnets: 'public' });
    expect(parseSettings({})).toEqual(settings);
  });

  it('are taken as they are given, as an object or as text', () => {
    const settings = parseSettings(everySetting);
    expect(settings).toEqual({
      ...everySetting,
      schedules: [everySetting.schedules[0], { ...everySetting.schedules[1], timezone: 'UTC' }],
      network: { ...everySetting.network, cidr: '10.73.0.0/16', subnets: 'private' },
    });
    expect(parseSettings(JSON.stringify(everySetting))).toEqual(settings);
  });

  it('have all their problems listed at once, with what was probably meant', () => {
    const message = complaint({
      gpuClases: ['g5'],
      gpuClasses: ['g4dm'],
      waitingLimitMinutes: 5,
      schedules: [{ profile: 'burgers', cron: '0 3 * * MON *', timezone: 'Berlin' }],
      retention: { rejectDays: 3 },
    });
    expect(message).toContain('context "tempbalance" has 6 problems');
    expect(message).toContain('gpuClases: unknown key\n      did you mean "gpuClasses"?');
    expect(message).toContain('gpuClasses[0]: can\'t be "g4dm"\n      did you mean "g4dn"?');
    expect(message).toContain('waitingLimitMinutes: is too small (5)\n      It must be at least 10.');
    expect(message).toContain('schedules[0].cron: must have six fields');
    expect(message).toContain('schedules[0].timezone: is not a time zone');
    expect(message).toContain('retention.rejectDays: unknown key\n      did you mean "rejectedDays"?');
  });

  it.each([
    ['a name that AWS would refuse', { name: 'Team_A' }, 'name: must be 2 to 20 lower-case letters'],
    ['a class that is named twice', { gpuClasses: ['g5', 'g4dn', 'g5'] }, 'gpuClasses: has a class twice'],
    ['a scale-down delay that AWS Batch does not know', { scaleDownDelayMinutes: 5 }, 'must be 0, or from 20 to 10080'],
    ['a log retention that CloudWatch does not know', { logDays: 8 }, 'logDays: must be one of 1, 3, 5, 7'],
    ['an address that is none', { notificationEmail: 'team' }, 'notificationEmail: is not an e-mail address'],
    ['a boundary that is no policy', { permissionsBoundary: 'bounds' }, 'must be the ARN of a managed policy'],
    [
      'jobs that no vCPUs are enough for',
      { cpuMemoryGb: 120, maxVcpus: 12 },
      'maxVcpus: a job with cpuMemoryGb 120 has 16',
    ],
    ['a mirror that is an address', { images: { mirror: 'https://mirror.example' } }, 'without https://'],
    [
      'a digest that is none',
      { images: { digests: { cuda: '11.8.0' } } },
      'images.digests.cuda: must be sha256: and 64',
    ],
    [
      'a digest of what is not downloaded',
      { images: { tensorflow: false, tensorflowSha256: 'a'.repeat(64) } },
      'images.tensorflowSha256: nothing is downloaded where images.tensorflow is false',
    ],
    ['a block of addresses that does not begin there', { network: { cidr: '10.8.1.0/20' } }, 'network.cidr: must be a'],
    [
      'a VPC without subnets',
      { network: { vpcId: 'vpc-0a1b2c3d' } },
      'network.subnetIds: are needed with network.vpcId',
    ],
    [
      'subnets without a VPC',
      { network: { subnetIds: ['subnet-0a1b2c3d'] } },
      'network.subnetIds: are subnets of a VPC that is there already',
    ],
    [
      'addresses for a VPC that is there already',
      { network: { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d'], cidr: '10.8.0.0/16' } },
      'network.cidr: is for the VPC that the stack makes',
    ],
    ['an alias of a key', { kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:alias/ours' }, 'must be the ARN of a key'],
    ['text that is not JSON', '{name: 1}', 'is not JSON'],
    ['a list', [], 'the settings: is a list'],
  ])('refuse %s', (_, settings, message) => {
    expect(complaint(settings)).toContain(message);
  });

  it('in a cdk.json that is not JSON are refused with what is wrong', () => {
    const cdkJson = '{ "context": { "tempbalance": { "maxGpus": 1, } } }';
    expect(() => buildApp({ outdir: tmpdir(), cdkJson })).toThrow(
      /^cdk\.json: is not JSON \(.*\)\n {2}JSON has no comments/,
    );
  });

  it('with problems end the app with exit code 2 and no stack trace', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'tempbalance-infra-'));
    const { status, stderr } = spawnSync(process.execPath, ['infra/app.ts'], {
      encoding: 'utf8',
      env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify({ tempbalance: { maxGpu: 1 } }) },
    });
    rmSync(outdir, { recursive: true });
    expect(stderr).toBe(
      'error: context "tempbalance" has a problem:\n\n  maxGpu: unknown key\n      did you mean "maxGpus"? Allowed: name, gpuClasses, gpuSize, maxGpus, maxVcpus, cpuMemoryGb, waitingLimitMinutes, onDemandWaitingLimitHours, queueLimitHours, scaleDownDelayMinutes, functionMemoryMb, notificationEmail, monthlyBudgetUsd, budgetScope, hourlySpendAlarmUsd, ceiling, schedules, retention, logDays, removal, images, network, kmsKeyArn, webhook, publishing, fallbackRegion, fallbackKmsKeyArn, permissionsBoundary.\n',
    );
    expect(status).toBe(2);
  });
});
