import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { explaining } from './explain.ts';
import { type Deployment, type DeploymentName, findDeployment } from './find-deployment.ts';

/** A deployment and the clients to talk to it. */
export interface Cloud extends Deployment {
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  /** The whole bucket; runs lie below `runs/`. */
  readonly store: ArtifactStore;
}

/** @throws UserError when there is no such deployment, or AWS can't be asked. */
export async function openCloud(name: DeploymentName): Promise<Cloud> {
  const deployment = await findDeployment(name);
  const { region, bucket } = deployment;
  const s3 = explaining(new S3Client({ region, forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined }));
  const sfn = explaining(new SFNClient({ region }));
  return { ...deployment, s3, sfn, store: s3Store({ client: s3, bucket }) };
}
