import { expect, it } from 'vitest';
import { checkComparison } from '../../../shared/pipeline/comparison/check-comparison.ts';
import { fakeSettings } from '../../support/fake-comparison.ts';
import { fakeWorkload } from '../../support/fake-workload.ts';

it('arms with the same settings are told of', async () => {
  const warned: string[] = [];
  const off = { balance: 'off' };
  const settings = await fakeSettings({ arms: { plain: off, a: off, longer: { ...off, 'training.epochs': 3 } } });
  await checkComparison(settings, { planWorkload: async () => fakeWorkload() }, (message) => warned.push(message));
  expect(warned).toEqual(['arms plain and a have the same settings: they will differ in nothing']);
});
