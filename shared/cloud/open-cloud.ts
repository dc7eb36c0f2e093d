import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
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

/** S3 by the settings and credentials of this machine. */
export const openS3 = (settings: S3ClientConfig = {}): S3Client =>
  explaining(new S3Client({ ...settings, forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined }));

/** @throws UserError when there is no such deployment, or AWS can't be asked. */
export async function openCloud(name: DeploymentName): Promise<Cloud> {
  const deployment = await findDeployment(name);
  const { region, bucket } = deployment;
  const s3 = openS3({ region });
  const sfn = explaining(new SFNClient({ region }));
  return { ...deployment, s3, sfn, store: s3Store({ client: s3, bucket }) };
}
