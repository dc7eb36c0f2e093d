/** Options that a program gives, checked as those of a command are. */
import { z } from 'zod';
import { UserError } from '../shared/core/errors.ts';
import { explainIssues, formatPath } from '../shared/core/problems.ts';

/**
 * An option as a schema has it.
 * @param name of the option, for messages.
 * @throws UserError listing every problem.
 */
export function checkedOption<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  name: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const keys = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const problems = explainIssues(parsed.error.issues, value, (path) => (path.length === 0 ? keys : []));
  const lines = problems.map(
    ({ path, what, hint }) => `${formatPath([name, ...path])}: ${[what, hint].filter(Boolean).join('. ')}`,
  );
  throw new UserError(lines.join('\n'));
}
