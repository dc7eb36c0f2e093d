/** The workflow document as it is deployed: CloudFormation puts a value in place of every `${Name}`. */
import { UserError } from '../shared/core/errors.ts';

const namesIn = (document: string) =>
  new Set([...document.matchAll(/\$\{([A-Za-z0-9_]+)\}/g)].map(([, name]) => name!));

/**
 * The values that the document asks for.
 * @param label of the document, for messages.
 * @throws UserError for a name without a value, and for a value without a use.
 */
export function substitutionsFor(
  document: string,
  values: Readonly<Record<string, string>>,
  label: string,
): Record<string, string> {
  const names = namesIn(document);
  const missing = [...names].filter((name) => !(name in values));
  const unused = Object.keys(values).filter((name) => !names.has(name));
  if (missing.length > 0) {
    throw new UserError(`asks for ${missing.map((name) => `\${${name}}`).join(', ')}, which nothing in infra/ gives`, {
      where: label,
      remedy: `There are: ${Object.keys(values).join(', ')}.`,
    });
  }
  if (unused.length > 0) {
    throw new UserError(`has no use for ${unused.join(', ')}, which infra/ deploys`, {
      where: label,
      remedy: 'Name it in the document, or take it out of infra/constructs/.',
    });
  }
  return Object.fromEntries([...names].map((name) => [name, values[name]!]));
}
