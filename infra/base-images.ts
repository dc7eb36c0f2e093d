/** Which images ours begin from, by the build arguments of the Dockerfiles that name them. */
import type { Settings } from './settings.ts';

interface BaseImage {
  readonly argument: string;
  /** Below the registry's name, as a mirror of Docker Hub has it. */
  readonly repository: string;
  readonly tag: string;
}

/** By the key in `images.digests`; the tags are those of the Dockerfiles. */
export const baseImages = {
  nodeSlim: { argument: 'NODE_SLIM', repository: 'library/node', tag: '22.23.3-bookworm-slim' },
  node: { argument: 'NODE', repository: 'library/node', tag: '22.23.3-bookworm' },
  cuda: { argument: 'CUDA', repository: 'nvidia/cuda', tag: '11.8.0-cudnn8-runtime-ubuntu22.04' },
} as const satisfies Record<string, BaseImage>;

type BaseImageName = keyof typeof baseImages;

/** What Docker takes for this image: from a mirror, held to a digest, or as its tag says. */
function reference(name: BaseImageName, { mirror, digests }: Settings['images']): string {
  const { repository, tag } = baseImages[name];
  const [from, digest] = [mirror === undefined ? '' : `${mirror}/`, digests[name]];
  const path = mirror === undefined ? repository.replace('library/', '') : repository;
  return `${from}${path}:${tag}${digest === undefined ? '' : `@${digest}`}`;
}

/** Build arguments of a Dockerfile that begins from these images; none that say what it says itself. */
export function baseArguments(
  names: readonly BaseImageName[],
  images: Settings['images'],
): Readonly<Record<string, string>> {
  const changed = names.filter((name) => images.mirror !== undefined || images.digests[name] !== undefined);
  return Object.fromEntries(changed.map((name) => [baseImages[name].argument, reference(name, images)]));
}
