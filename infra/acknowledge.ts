import { type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';

/**
 * Notes on the construct why findings of a cdk-nag rule are meant to be.
 * @param findings of rules that give several, each by its exact name, as in `Resource::*`.
 */
export function acknowledge(scope: IConstruct, rule: string, reason: string, findings?: readonly string[]): void {
  const ids = findings?.map((finding) => `${rule}[${finding}]`) ?? [rule];
  Validations.of(scope).acknowledge(...ids.map((id) => ({ id, reason })));
}

/** The name that cdk-nag gives to an ARN which a resource of the stack is part of, as in `Resource::<Bucket.Arn>/runs/*`. */
export function resourceFinding(resource: IConstruct, rest: string): string {
  const stack = Stack.of(resource);
  return `Resource::<${stack.getLogicalId(resource.node.defaultChild as CfnElement)}.Arn>${rest}`;
}

export const prefixFindings = (bucket: IBucket, patterns: readonly string[]): string[] =>
  patterns.filter((pattern) => pattern.includes('*')).map((pattern) => resourceFinding(bucket, `/${pattern}`));
