/** Publishing a model: each way leaves what is there already as it is, so that a second try publishes nothing twice. */

import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { CreateModelPackageCommand, type SageMakerClient } from '@aws-sdk/client-sagemaker';
import { createRepo, downloadFile, HubApiError, uploadFiles } from '@huggingface/hub';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { messageOf, RunError, TransientError, UserError } from '../core/errors.ts';
import type { PublishedModel, Publisher } from '../pipeline/context.ts';
import { copyObject } from './copy-object.ts';
import type { Publishing } from './publishing.ts';

interface Clients {
  readonly store: ArtifactStore;
  readonly s3: S3Client;
  readonly sagemaker: SageMakerClient;
  /** The text of a secret. */
  secret(arn: string): Promise<string>;
}

/** Publishes as the deployment's settings say. */
export function publishModel(clients: Clients, publishing: Publishing): Publisher['publish'] {
  return async (to, model) => {
    if (to === 's3' && publishing.s3 !== undefined) return toS3(clients, publishing.s3, model);
    if (to === 'huggingface' && publishing.huggingface) return toHub(clients, publishing.huggingface, model);
    if (to === 'sagemaker' && publishing.sagemaker) return toRegistry(clients, publishing.sagemaker, model);
    throw new RunError(`this deployment publishes no models to ${to}`, { where: model.run });
  };
}

/** What is written last, and says which files of which model are there. */
const manifestName = 'tempbalance-manifest.json';
const manifestOf = ({ run, digest, files }: PublishedModel) =>
  `${JSON.stringify({ version: 1, run, digest, files }, null, 2)}\n`;

/** Whether a manifest is that of this model. */
function isSame(manifest: string | undefined, { digest }: PublishedModel): boolean {
  if (manifest === undefined) return false;
  try {
    return (JSON.parse(manifest) as { digest?: unknown }).digest === digest;
  } catch {
    return false;
  }
}

/** Copies the files below `prefix/<name>/<run>/`, and writes the manifest when all are there. */
async function toS3({ store, s3 }: Clients, prefix: string, model: PublishedModel): Promise<string> {
  const [, Bucket, folder] = /^s3:\/\/([^/]+)\/(.*)$/.exec(prefix)!;
  const place = `${folder}${model.name}/${model.run.split('/').at(-1)!}/`;
  const Key = `${place}${manifestName}`;
  if (!isSame(await textOf(s3, { Bucket: Bucket!, Key }), model)) {
    const source = store.label.replace('s3://', '');
    for (const [file, { bytes }] of Object.entries(model.files)) {
      const from = { bucket: source, key: runKeys.model(model.run, file) };
      await copyObject(s3, from, { targetBucket: Bucket!, target: `${place}${file}`, size: bytes });
    }
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: manifestOf(model), ContentType: 'application/json' }));
  }
  return `s3://${Bucket}/${place}`;
}

async function textOf(
  s3: S3Client,
  at: { readonly Bucket: string; readonly Key: string },
): Promise<string | undefined> {
  try {
    return await (await s3.send(new GetObjectCommand(at))).Body?.transformToString();
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined;
    throw error;
  }
}

/** Makes the repository where there is none, and puts all files into it in one commit. */
async function toHub(
  { store, secret }: Clients,
  { namespace, tokenArn, visibility, hubUrl = 'https://huggingface.co' }: NonNullable<Publishing['huggingface']>,
  model: PublishedModel,
): Promise<string> {
  const repo = { type: 'model', name: `${namespace}/${model.name}` } as const;
  const accessToken = await secret(tokenArn);
  const access = { repo, accessToken, hubUrl };
  try {
    const there = await downloadFile({ ...access, path: manifestName, xet: false }).catch(unlessMissing);
    if (!isSame(await there?.text(), model)) {
      await createRepo({ ...access, visibility }).catch(unlessThere);
      const read = async (file: string) => {
        const object = await store.get(runKeys.model(model.run, file));
        if (!object) throw new RunError('is gone', { where: `${store.label}/${runKeys.model(model.run, file)}` });
        return { path: file, content: new Blob([object.bytes as Uint8Array<ArrayBuffer>]) };
      };
      const files = await Promise.all(Object.keys(model.files).map(read));
      const manifest = { path: manifestName, content: new Blob([manifestOf(model)]) };
      await uploadFiles({
        ...access,
        files: [...files, manifest],
        commitTitle: `Model of ${model.run.split('/').at(-1)!}`,
        useXet: false,
        useWebWorkers: false,
      });
    }
  } catch (error) {
    throw hubError(error, repo.name, accessToken);
  }
  return `${hubUrl}/${repo.name}`;
}

/** Null for an answer that says there is no such repository or file; other errors are thrown. */
function unlessMissing(error: unknown): null {
  if (error instanceof HubApiError && error.statusCode === 404) return null;
  throw error;
}

/** Passes over an answer that says the repository is there; other errors are thrown. */
function unlessThere(error: unknown): void {
  if (!(error instanceof HubApiError && error.statusCode === 409)) throw error;
}

/** An error without the token, which is tried again unless the Hub refuses the request itself. */
function hubError(error: unknown, where: string, token: string): Error {
  const message = messageOf(error).replaceAll(token, '<token>');
  const status = error instanceof HubApiError ? error.statusCode : undefined;
  if (status === 401 || status === 403) {
    const remedy = 'Is the token of publishing.huggingface.tokenArn one that may write there?';
    return new UserError(`the Hugging Face Hub refuses the token (${status})`, { where, remedy });
  }
  if (error instanceof RunError) return error;
  const isFinal = status !== undefined && status >= 400 && status < 500 && status !== 429;
  const what = `the Hugging Face Hub did not take the model: ${message}`;
  return isFinal ? new RunError(what, { where }) : new TransientError(what, { where });
}

/** Registers a version in a group; the same model asked for again is the same version. */
async function toRegistry(
  { store, sagemaker }: Clients,
  { group, image }: NonNullable<Publishing['sagemaker']>,
  { run, name, digest, isApproved }: PublishedModel,
): Promise<string> {
  const uri = `${store.label}/${runKeys.model(run, '')}`;
  const { ModelPackageArn } = await sagemaker.send(
    new CreateModelPackageCommand({
      ModelPackageGroupName: group,
      ClientToken: digest.slice(0, 32),
      ModelPackageDescription: `${name}, of ${run}`,
      ModelApprovalStatus: isApproved ? 'Approved' : 'PendingManualApproval',
      CustomerMetadataProperties: { run, digest },
      InferenceSpecification: {
        Containers: [
          {
            Image: image,
            ModelDataSource: { S3DataSource: { S3Uri: uri, S3DataType: 'S3Prefix', CompressionType: 'None' } },
          },
        ],
        SupportedContentTypes: ['application/json'],
        SupportedResponseMIMETypes: ['application/json'],
      },
    }),
  );
  if (ModelPackageArn === undefined) throw new TransientError('SageMaker named no package', { where: group });
  return ModelPackageArn;
}
