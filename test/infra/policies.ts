import type { Template } from 'aws-cdk-lib/assertions';

export interface Statement {
  readonly actions: readonly string[];
  /** As text: `<Bucket.Arn>/runs/*`, with logical ids in angle brackets. */
  readonly resources: readonly string[];
}

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as T];

/** CloudFormation's expressions as text. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, argument]] = Object.entries(value as Record<string, unknown>) as [[string, unknown]];
  if (name === 'Ref') return `<${argument}>`;
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map(asText).join(separator);
  }
  return JSON.stringify(value);
}

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation's properties are nested at will.
export type Properties = Record<string, any>;

export const propertiesOf = (template: Template, type: string): Properties[] =>
  Object.values(template.findResources(type)).map((resource) => resource.Properties);

/** What the inline policies of each role allow, by the role's logical id. */
export function statementsByRole(template: Template): Map<string, Statement[]> {
  const byRole = new Map<string, Statement[]>();
  for (const { Roles, PolicyDocument } of propertiesOf(template, 'AWS::IAM::Policy')) {
    for (const role of Roles as { Ref: string }[]) {
      const statements = (PolicyDocument.Statement as Record<string, string | string[]>[]).map(
        ({ Effect, Action, Resource }) => {
          if (Effect !== 'Allow') throw new Error('a role has a statement that denies');
          return { actions: list(Action), resources: list<unknown>(Resource).map(asText) };
        },
      );
      byRole.set(role.Ref, [...(byRole.get(role.Ref) ?? []), ...statements]);
    }
  }
  return byRole;
}

/** What a role may do with the keys of a bucket: action to key patterns, sorted. */
export function keysByAction(statements: readonly Statement[], bucket: string): Record<string, string[]> {
  const keys: Record<string, string[]> = {};
  for (const { actions, resources } of statements) {
    for (const action of actions.filter((name) => name.startsWith('s3:'))) {
      keys[action] = [
        ...(keys[action] ?? []),
        ...resources.map((resource) => resource.replace(`<${bucket}.Arn>`, '')),
      ].toSorted();
    }
  }
  return keys;
}
