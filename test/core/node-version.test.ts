import { expect, it } from 'vitest';
import { nodeTooOld } from '../../shared/core/node-version.ts';

it('is refused in words below 22.18, with what to install', () => {
  expect(nodeTooOld('20.20.2')).toMatch(/^this is Node 20\.20\.2, and tempbalance needs 22\.18 or later\n {2}Install/);
  expect(nodeTooOld('22.17.9')).toContain('22.17.9');
});

it('is taken from 22.18 on', () => {
  expect(['22.18.0', '22.20.1', '24.0.0'].map((version) => nodeTooOld(version))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(nodeTooOld()).toBeUndefined();
});
