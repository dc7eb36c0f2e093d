import { z } from 'zod';
import { UserError } from './errors.ts';

/** The configuration schemas of a registry's members, as the tuple that `z.discriminatedUnion` takes. */
export function configSchemasOf<const Members extends readonly { readonly configSchema: z.ZodType }[]>(
  members: Members,
): { readonly [Index in keyof Members]: Members[Index]['configSchema'] } {
  return members.map(({ configSchema }) => configSchema) as unknown as {
    readonly [Index in keyof Members]: Members[Index]['configSchema'];
  };
}

/** A member of a registry, by what registries need to know of it. */
export interface Member {
  readonly name: string;
  readonly configSchema: z.ZodType;
}

// biome-ignore lint/suspicious/noExplicitAny: each member has settings of its own, which its schema describes.
export type OwnSettings = any;

/**
 * The member of a registry that settings name. It takes these settings, as they have gone through the schema of the member with that name.
 * @throws Error when there is none, which the schema does not let through.
 */
export function memberNamed<Family extends { readonly name: string }>(
  members: readonly Family[],
  name: string,
): Family {
  const found = members.find((member) => member.name === name);
  if (!found) throw new Error(`no member of the registry has the name ${name}`);
  return found;
}

/**
 * A union that goes by the members that it has when something is parsed: `addMember` adds to them. zod's own takes its members once.
 * @param union as it is used, with its description: what zod clones of it later on is closed.
 */
export function openUnion<Union extends z.ZodDiscriminatedUnion>(union: Union): Union {
  const { options, discriminator } = union.def;
  const usual = options.length;
  const closed = union._zod.parse;
  let current: z.ZodType = union;
  let size = usual;
  const parse: typeof closed = (payload, context) => {
    if (options.length === usual) return closed(payload, context);
    if (options.length !== size) {
      current = z.discriminatedUnion(discriminator, [...options] as unknown as Parameters<
        typeof z.discriminatedUnion
      >[1]);
      size = options.length;
    }
    return current._zod.run(payload, context);
  };
  union._zod.parse = parse;
  union._zod.run = parse;
  return union;
}

/**
 * Adds a member to registries from outside.
 * @param unions made by `openUnion`.
 * @throws UserError when a member has this name already.
 */
export function addMember(
  kind: string,
  member: Member,
  registries: readonly (readonly Member[])[],
  unions: readonly z.ZodDiscriminatedUnion[],
): void {
  if (registries.some((members) => members.some(({ name }) => name === member.name))) {
    throw new UserError(`another ${kind} has this name`, {
      where: `${kind} ${member.name}`,
      remedy: 'Give that of the plugin another name.',
    });
  }
  for (const members of registries) (members as Member[]).push(member);
  for (const union of unions) (union.def.options as unknown as z.ZodType[]).push(member.configSchema);
}
