import { fileURLToPath } from 'node:url';
import { IgnoreMode } from 'aws-cdk-lib';
import { type DockerImageAssetProps, Platform } from 'aws-cdk-lib/aws-ecr-assets';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** How the image of a Dockerfile is built: from the project's folder, of which `.dockerignore` lets in the sources alone. */
export function imageOf(dockerfile: string): DockerImageAssetProps & { readonly directory: string } {
  return {
    directory: projectRoot,
    file: dockerfile,
    platform: Platform.LINUX_AMD64,
    ignoreMode: IgnoreMode.DOCKER,
  };
}
