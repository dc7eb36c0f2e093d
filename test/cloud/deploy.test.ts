import { expect, it } from 'vitest';
import { needsDocker } from '../../shared/cloud/deploy.ts';

const cdkJson = (build?: string) => JSON.stringify({ context: { tempbalance: build ? { images: { build } } : {} } });
const given = (build: string) => `tempbalance=${JSON.stringify({ images: { build } })}`;

it.each([
  [[], cdkJson(), true],
  [[], cdkJson('docker'), true],
  [[], cdkJson('codebuild'), false],
  [['-c', given('docker')], cdkJson('codebuild'), true],
  [['-c', given('codebuild')], cdkJson(), false],
  [[`--context=${given('codebuild')}`], cdkJson(), false],
  [['-c', 'tempbalance={'], cdkJson('codebuild'), true],
  [[], '{', true],
] as const)('deploying with %j and cdk.json %s needs Docker: %j', (args, json, needed) => {
  expect(needsDocker(args, json)).toBe(needed);
});
