import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { fieldModelSchema } from '../../shared/models/registry.ts';

describe('the families of models of fields', () => {
  it('stand in docs/models.md, each with what it follows', async () => {
    const page = await readFile(new URL('../../docs/models.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    for (const { shape } of fieldModelSchema.options) {
      const family = shape.family.value;
      expect(
        rows.some((row) => row.split('|')[1]!.includes(`\`${family}\``)),
        family,
      ).toBe(true);
    }
  });
});
