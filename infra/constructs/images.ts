import { fileURLToPath } from 'node:url';
import { IgnoreMode } from 'aws-cdk-lib';
import { type DockerImageAssetProps, Platform } from 'aws-cdk-lib/aws-ecr-assets';

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

/** What the GPU image alone is told. */
const gpuArguments = ({ tensorflow, tensorflowSha256 }: Settings['images']) => ({
  ...(tensorflow ? {} : { WITH_TFJS: '0' }),
  ...(tensorflowSha256 === undefined ? {} : { TFJS_SHA256: tensorflowSha256 }),
});

/** How the image of a Dockerfile is built: from the project's folder, of which `.dockerignore` lets in the sources alone. */
export function imageOf(
  dockerfile: keyof typeof dockerfiles,
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
