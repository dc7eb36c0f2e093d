import type { z } from 'zod';

/** The configuration schemas of a registry's members, as the tuple that `z.discriminatedUnion` takes. */
export function configSchemasOf<const Members extends readonly { readonly configSchema: z.ZodType }[]>(
  members: Members,
): { readonly [Index in keyof Members]: Members[Index]['configSchema'] } {
  return members.map(({ configSchema }) => configSchema) as unknown as {
    readonly [Index in keyof Members]: Members[Index]['configSchema'];
  };
}
