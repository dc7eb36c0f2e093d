import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { explaining } from './explain.ts';
import { inRegion } from './find-deployment.ts';

/** Who the credentials belong to. */
export async function callerIdentity(region: string | undefined): Promise<{ account: string; arn: string }> {
  const client = explaining(new STSClient(inRegion(region)));
  try {
    const { Account, Arn } = await client.send(new GetCallerIdentityCommand({}));
    return { account: Account!, arn: Arn! };
  } finally {
    client.destroy();
  }
}
