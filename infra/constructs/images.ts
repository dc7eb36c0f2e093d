import { fileURLToPath } from 'node:url';
import { IgnoreMode } from 'aws-cdk-lib';
import { DockerImageAsset, type DockerImageAssetProps, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { DockerImageCode } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { baseArguments } from '../base-images.ts';
import type { Settings } from '../settings.ts';

/** Where the sources of functions and images are: the clone, or `dist/sources` of the package, where this file is in `dist/infra/constructs`. */
const here = import.meta.url;
export const projectRoot = fileURLToPath(new URL(here.endsWith('.ts') ? '../..' : '../../sources/', here));

/** The Dockerfiles, and what they begin from. */
const dockerfiles = {
  'functions/image/Dockerfile': ['nodeSlim', 'node'],
  'functions/train-epoch/Dockerfile.cpu': ['nodeSlim'],
  'functions/train-epoch/Dockerfile': ['nodeSlim', 'node', 'cuda'],
} as const;

/** The build arguments of the GPU image alone. */
const gpuArguments = ({ tensorflow, tensorflowSha256 }: Settings['images']) => ({
  ...(tensorflow ? {} : { WITH_TFJS: '0' }),
  ...(tensorflowSha256 === undefined ? {} : { TFJS_SHA256: tensorflowSha256 }),
});

/** How the image of a Dockerfile is built: from the project's folder, of which `.dockerignore` lets in the sources alone. */
export function imageOf(
  dockerfile: Dockerfile,
  images: Settings['images'],
): DockerImageAssetProps & { readonly directory: string } {
  const isGpu = dockerfile === 'functions/train-epoch/Dockerfile';
  return {
    buildArgs: { ...baseArguments(dockerfiles[dockerfile], images), ...(isGpu ? gpuArguments(images) : {}) },
    directory: projectRoot,
    file: dockerfile,
    platform: Platform.LINUX_AMD64,
    ignoreMode: IgnoreMode.DOCKER,
  };
}

/** The Dockerfiles of a deployment. */
export type Dockerfile = keyof typeof dockerfiles;

/** The source of the stack's images. */
export interface Images {
  /** For a training job; `id` is the construct's. */
  forJobs(scope: Construct, id: string, dockerfile: Dockerfile): ContainerImage;
  forFunctions(dockerfile: Dockerfile, cmd: string[]): DockerImageCode;
  /** Has a construct that uses images made after them. */
  before(user: Construct): void;
}

/** Images that Docker builds on the machine that deploys. */
export const builtByDocker = (images: Settings['images']): Images => ({
  forJobs: (scope, id, dockerfile) =>
    ContainerImage.fromDockerImageAsset(new DockerImageAsset(scope, id, imageOf(dockerfile, images))),
  forFunctions(dockerfile, cmd) {
    const { directory, ...image } = imageOf(dockerfile, images);
    return DockerImageCode.fromImageAsset(directory, { ...image, cmd });
  },
  before: () => undefined,
});
