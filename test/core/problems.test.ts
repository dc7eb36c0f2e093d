import { expect, it } from 'vitest';
import { z } from 'zod';
import { explainJson } from '../../shared/core/problems.ts';

const schema = z.looseObject({
  size: z.int().positive(),
  rate: z.number().min(0).lt(1).optional(),
  act: z.enum(['gelu', 'relu']).optional(),
  names: z.union([z.array(z.string()), z.string()]).nullish(),
  labels: z.record(z.string(), z.string()).optional(),
  inner: z.looseObject({ kind: z.string() }).optional(),
});

it.each([
  [{ size: 'abc' }, ['size: is text ("abc"). It must be a number.']],
  [{ size: 1.5 }, ['size: is a number (1.5). It must be a whole number.']],
  [
    { size: -3, rate: 1 },
    ['size: is too small (-3). It must be more than 0.', 'rate: is too large (1). It must be less than 1.'],
  ],
  [{ size: null }, ['size: is null. It must be a number.']],
  [{}, ['size: is missing. It must be a number.']],
  [{ size: 1, act: 'gelo' }, ['act: can\'t be "gelo". Did you mean "gelu"? Allowed: gelu, relu.']],
  [{ size: 1, names: 4 }, ["names: can't be 4. Allowed: a list, or text."]],
  [{ size: 1, labels: ['a'] }, ['labels: is a list (["a"]). It must be an object.']],
  [{ size: 1, inner: { kind: 2 } }, ['inner.kind: is a number (2). It must be text.']],
  [[], ['is a list ([]). It must be an object.']],
])('says in plain words what is wrong in %j', (content, lines) => {
  expect(explainJson(schema.safeParse(content).error!.issues, content)).toEqual(lines);
});
