import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { explaining } from './explain.ts';
import type { Deployment } from './find-deployment.ts';

/** A resource of the stack: its name in the template, and in AWS. */
export interface StackResource {
  readonly logicalId: string;
  readonly id: string;
}

/** The stack's resources by type. */
export async function stackResources({
  stack,
  region,
}: Pick<Deployment, 'stack' | 'region'>): Promise<(type: string) => StackResource[]> {
  const client = explaining(new CloudFormationClient({ region }));
  const byType = new Map<string, StackResource[]>();
  for await (const page of paginateListStackResources({ client }, { StackName: stack })) {
    for (const { LogicalResourceId, PhysicalResourceId, ResourceType } of page.StackResourceSummaries ?? []) {
      if (!PhysicalResourceId) continue;
      const before = byType.get(ResourceType!) ?? [];
      byType.set(ResourceType!, [...before, { logicalId: LogicalResourceId!, id: PhysicalResourceId }]);
    }
  }
  client.destroy();
  return (type) => byType.get(type) ?? [];
}
