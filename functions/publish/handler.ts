import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { freedWhenEnded } from '../../shared/cloud/ended-run.ts';
import { publishModel } from '../../shared/cloud/publish-model.ts';
import { publish } from '../../shared/pipeline/tasks/publish.ts';
import { patientS3, tracer } from '../lambda.ts';
import { taskHandler } from '../task-handler.ts';

const secrets = tracer.captureAWSv3Client(new SecretsManagerClient({}));
const sagemaker = tracer.captureAWSv3Client(new SageMakerClient({}));

async function secret(SecretId: string): Promise<string> {
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId }));
  return SecretString.trim();
}

export const handler = taskHandler('Publish', freedWhenEnded(patientS3, publish), undefined, {
  publish: (store, settings) => publishModel({ store, s3: patientS3, sagemaker, secret }, settings),
});
