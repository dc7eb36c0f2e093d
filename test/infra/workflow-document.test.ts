import { expect, it } from 'vitest';
import { substitutionsFor } from '../../infra/workflow-document.ts';

const values = { PrepareArn: 'arn:prepare', CheckpointArn: 'arn:checkpoint' };
const document = (...names: string[]) => JSON.stringify(names.map((name) => ({ Resource: `\${${name}}` })));

it('gives a value for every name of the document', () => {
  expect(substitutionsFor(document('PrepareArn', 'CheckpointArn', 'PrepareArn'), values, 'workflow')).toEqual(values);
});

it('refuses a name without a value', () => {
  expect(() => substitutionsFor(document('PrepareArn', 'ChekpointArn'), values, 'workflow')).toThrow(
    /^workflow: asks for \$\{ChekpointArn\}, which nothing in infra\/ gives/,
  );
});

it('refuses a value without a use', () => {
  expect(() => substitutionsFor(document('PrepareArn'), values, 'workflow')).toThrow(
    'workflow: has no use for CheckpointArn, which infra/ deploys',
  );
});
