import { describe, expect, it } from 'vitest';
import { imageOf } from '../../infra/constructs/images.ts';
import { parseSettings } from '../../infra/settings.ts';
import { everySetting } from './synthesize.ts';

const argumentsOf = (dockerfile: Parameters<typeof imageOf>[0], settings: unknown) =>
  imageOf(dockerfile, parseSettings(settings).images).buildArgs;
const gpu = 'functions/train-epoch/Dockerfile';
const sha256 = (digit: string) => digit.repeat(64);

describe('an image', () => {
  it('is built from what its Dockerfile names, unless the settings name something else', () => {
    expect(argumentsOf(gpu, {})).toEqual({});
    expect(argumentsOf('functions/image/Dockerfile', {})).toEqual({});
  });

  it('begins from a mirror', () => {
    const mirror = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub';
    expect(argumentsOf(gpu, { images: { mirror } })).toEqual({
      NODE_SLIM: `${mirror}/library/node:22.23.3-bookworm-slim`,
      NODE: `${mirror}/library/node:22.23.3-bookworm`,
      CUDA: `${mirror}/nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04`,
    });
    expect(Object.keys(argumentsOf('functions/train-epoch/Dockerfile.cpu', { images: { mirror } })!)).toEqual([
      'NODE_SLIM',
    ]);
  });

  it('is held to digests, from Docker Hub or from a mirror', () => {
    const digests = { node: `sha256:${sha256('a')}` };
    expect(argumentsOf(gpu, { images: { digests } })).toEqual({
      NODE: `node:22.23.3-bookworm@sha256:${sha256('a')}`,
    });
    expect(argumentsOf('functions/image/Dockerfile', { images: { digests, mirror: 'mirror.example:5000' } })).toEqual({
      NODE_SLIM: 'mirror.example:5000/library/node:22.23.3-bookworm-slim',
      NODE: `mirror.example:5000/library/node:22.23.3-bookworm@sha256:${sha256('a')}`,
    });
  });

  it('of a GPU holds its download to a digest, or goes without TensorFlow', () => {
    expect(argumentsOf(gpu, { images: { tensorflowSha256: sha256('b') } })).toEqual({ TFJS_SHA256: sha256('b') });
    expect(argumentsOf(gpu, { images: { tensorflow: false } })).toEqual({ WITH_TFJS: '0' });
    expect(argumentsOf('functions/train-epoch/Dockerfile.cpu', { images: { tensorflow: false } })).toEqual({});
    expect(argumentsOf(gpu, everySetting)).toMatchObject({
      WITH_TFJS: '0',
      NODE_SLIM: expect.stringMatching(/@sha256:1{64}$/),
    });
  });
});
