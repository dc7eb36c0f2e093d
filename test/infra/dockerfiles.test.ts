import { readFile } from 'node:fs/promises';
import { DockerfileParser, Entrypoint, type From } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { baseImages } from '../../infra/base-images.ts';

const dockerfiles = [
  'functions/image/Dockerfile',
  'functions/train-epoch/Dockerfile',
  'functions/train-epoch/Dockerfile.cpu',
];

/** The instructions of the stage that is shipped: those after the last FROM. */
async function read(path: string) {
  const text = await readFile(path, 'utf8');
  const dockerfile = DockerfileParser.parse(text);
  const instructions = dockerfile.getInstructions();
  const last = instructions.findLastIndex((instruction) => instruction.getKeyword() === 'FROM');
  return { text, dockerfile, instructions, shipped: instructions.slice(last) };
}

describe.each(dockerfiles)('%s', (path) => {
  it('is valid', async () => {
    expect(validate((await read(path)).text)).toEqual([]);
  });

  it('starts from images of exact versions', async () => {
    const { text, dockerfile } = await read(path);
    const begun = new Set<string>();
    for (const from of dockerfile.getFROMs() as From[]) {
      const image = from.getImage()!;
      const argument = /^\$\{(NODE|NODE_SLIM|CUDA)\}$/.exec(image)?.[1];
      if (argument) expect(text).toMatch(new RegExp(`^ARG ${argument}=[a-z/]+:\\d+\\.\\d+\\.\\d+-\\S+$`, 'm'));
      else expect(begun).toContain(image.replace(/\$\{WITH_TFJS\}$/, '1'));
      begun.add(from.getBuildStage() ?? '');
    }
  });

  it('ships a program that is not root, is told to stop by SIGTERM, and gets the signal itself', async () => {
    const { shipped } = await read(path);
    const argumentsOf = (keyword: string) =>
      shipped.filter((instruction) => instruction.getKeyword() === keyword).map((found) => found.getArgumentsContent());
    expect(['node', '1000:1000']).toContain(argumentsOf('USER').at(-1));
    expect(argumentsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
    const [entrypoint] = shipped.filter((instruction) => instruction instanceof Entrypoint);
    expect((entrypoint as Entrypoint).getOpeningBracket()).not.toBeNull();
  });

  it('copies what it names, adds nothing from the network, and has no secrets in it', async () => {
    const { text, instructions } = await read(path);
    for (const instruction of instructions) {
      expect(instruction.getKeyword()).not.toBe('ADD');
      if (instruction.getKeyword() === 'COPY') expect(instruction.getArguments()[0]!.getValue()).not.toBe('.');
    }
    expect(text).not.toMatch(/curl |wget |--no-verify|strict-ssl|AKIA|_authToken|password|secret/i);
  });

  it('installs what the lockfiles say', async () => {
    const { text } = await read(path);
    expect(text).toContain('npm ci');
    expect(text).not.toMatch(/npm (install|i) /);
  });
});

it('the GPU image has CUDA 11.8 with cuDNN 8, Node 22, and TensorFlow that takes memory as it needs it', async () => {
  const { text } = await read('functions/train-epoch/Dockerfile');
  expect(text).toContain('ARG CUDA=nvidia/cuda:11.8.0-cudnn8-runtime-');
  expect(text).toContain('ARG NODE=node:22.');
  expect(text).toContain('TF_FORCE_GPU_ALLOW_GROWTH=true');
  const { dependencies } = JSON.parse(await readFile('functions/train-epoch/package.json', 'utf8'));
  expect(dependencies).toEqual({ '@tensorflow/tfjs-node-gpu': '4.22.0' });
});

it('the GPU image has what a driver of Vulkan needs beside what its machine puts in, and asks for that', async () => {
  const { text } = await read('functions/train-epoch/Dockerfile');
  expect(text).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics ');
  for (const library of ['libvulkan.so.1', 'libEGL.so.1', 'libX11.so.6', 'libXext.so.6'])
    expect(text).toContain(library);
  expect(text).toContain('COPY --from=vulkan /opt/vulkan /usr/local/lib/');
  expect(text).toContain('COPY functions/train-epoch/nvidia_icd.json /etc/vulkan/icd.d/');
  expect(text).toContain(' VK_DRIVER_FILES=/etc/vulkan/icd.d/nvidia_icd.json ');
  const driver = JSON.parse(await readFile('functions/train-epoch/nvidia_icd.json', 'utf8'));
  expect(driver).toMatchObject({ file_format_version: '1.0.0', ICD: { library_path: 'libGLX_nvidia.so.0' } });
});

it('the GPU image can be built without TensorFlow, its download and CUDA', async () => {
  const { dockerfile, text } = await read('functions/train-epoch/Dockerfile');
  const stages = (dockerfile.getFROMs() as From[]).map((from) => [
    from.getBuildStage(),
    from.getImage()!.replace(/\$\{(\w+)\}/, '<$1>'),
  ]);
  expect(stages).toContainEqual(['tensorflow', 'tensorflow-<WITH_TFJS>']);
  expect(stages.at(-1)).toEqual([null, 'machine-<WITH_TFJS>']);
  const imageOf = Object.fromEntries(stages);
  expect(imageOf).toMatchObject({
    'machine-0': '<NODE_SLIM>',
    'tensorflow-0': '<NODE_SLIM>',
    'machine-1': '<CUDA>',
  });
  expect(text.split('npm ci &&')).toHaveLength(2);
  expect(text).toContain('sh check-download.sh node_modules/@tensorflow/tfjs-node-gpu "$TFJS_SHA256"');
});

it('the images that a deployment names begin as those that the Dockerfiles name', async () => {
  for (const path of dockerfiles) {
    const { text } = await read(path);
    const named = [...text.matchAll(/^ARG (NODE|NODE_SLIM|CUDA)=(\S+)$/gm)].map(([, argument, image]) => ({
      argument,
      image,
    }));
    expect(named.length).toBeGreaterThan(0);
    for (const { argument, image } of named) {
      const base = Object.values(baseImages).find((each) => each.argument === argument)!;
      expect(`${base.repository.replace('library/', '')}:${base.tag}`).toBe(image);
    }
  }
});

it('the images compile the same sources in the same way, so that it is done once', async () => {
  const firstStage = async (path: string) => /^FROM [\s\S]*?(?=\nFROM |\n#)/m.exec((await read(path)).text)?.[0].trim();
  const stages = await Promise.all(dockerfiles.map(firstStage));
  expect(stages[0]).toContain('tsc -p functions/tsconfig.build.json');
  expect(new Set(stages).size).toBe(1);
});

it('all images take spectra with the same OpenBLAS, and with the same kernels on every CPU', async () => {
  const files = await Promise.all(dockerfiles.map(read));
  const stages = files.map(({ text }) => /^FROM \S+ AS openblas\n[\s\S]*?(?=\n\n)/m.exec(text)?.[0]);
  expect(stages[0]).toContain('libopenblas0-pthread');
  expect(new Set(stages).size).toBe(1);
  for (const { text } of files) {
    const shipped = text.slice(text.lastIndexOf('\nFROM '));
    expect(shipped).toContain('\nCOPY --from=openblas /opt/openblas /usr/local/lib/\nRUN ldconfig\n');
    expect(shipped).toMatch(/ OPENBLAS_CORETYPE=Haswell\b/);
    expect(shipped).not.toContain('apt-get');
  }
});

it('the Node of the images is the one that the tests run on', async () => {
  const { devDependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8'));
  expect(devDependencies.node).toBeDefined();
  for (const path of dockerfiles) {
    const { text } = await read(path);
    const versions = [...text.matchAll(/^ARG NODE\w*=node:([\d.]+)/gm)].map(([, version]) => version);
    expect(new Set(versions)).toEqual(new Set([packages['node_modules/node'].version]));
  }
});
