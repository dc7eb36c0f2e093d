import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isPacked, packedDescription } from '../.ci/bundled.ts';
import packageJson from '../package.json' with { type: 'json' };

const { version } = packageJson;

it('has its version in the changelog, and the tarball by its name in the pages', () => {
  expect(readFileSync('CHANGELOG.md', 'utf8')).toMatch(
    new RegExp(`^## ${version.replaceAll('.', '\\.')}, \\d{4}-\\d\\d-\\d\\d$`, 'm'),
  );
  for (const page of ['README.md', 'docs/install.md', 'docs/own-trainer.md']) {
    const named = [...readFileSync(page, 'utf8').matchAll(/tempbalance-([\d.]+)\.tgz/g)].map(([, given]) => given);
    expect(new Set(named), page).toEqual(new Set([version]));
  }
});

it('names files that are there, and says what it is for', () => {
  for (const name of packageJson.files.filter((each) => each !== 'dist')) expect(existsSync(name), name).toBe(true);
  expect(packageJson).toMatchObject({ license: 'Apache-2.0', engines: { node: expect.any(String) } });
  expect(packageJson.keywords.length).toBeGreaterThan(3);
});

it('takes optional packages in the versions that are tested', () => {
  const { peerDependencies, peerDependenciesMeta, devDependencies } = packageJson;
  expect(devDependencies).toMatchObject(peerDependencies);
  expect(Object.keys(peerDependenciesMeta)).toEqual(Object.keys(peerDependencies));
  expect(Object.values(peerDependenciesMeta).every(({ optional }) => optional)).toBe(true);
});

it('packs what Node reads of bundled packages on each system, and no script of theirs', () => {
  const binaries = 'onnxruntime-node/bin/napi-v6';
  for (const path of [
    `${binaries}/linux/x64/libonnxruntime.so.1`,
    `${binaries}/darwin/arm64/libonnxruntime.1.dylib`,
    `${binaries}/win32/x64/dxcompiler.dll`,
    'tokenizers/tokenizers.linux-arm64-musl.node',
    '@tensorflow/tfjs-core/dist/tf-core.node.js',
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
    'h5wasm/dist/node/hdf5_util.js',
  ]) {
    expect(isPacked(path), path).toBe(true);
    if (existsSync('node_modules/onnxruntime-node')) expect(existsSync(`node_modules/${path}`), path).toBe(true);
  }
  for (const path of [
    `${binaries}/darwin/arm64/libonnxruntime.1.30.0.dylib`,
    `${binaries}/win32/x64/DirectML.dll`,
    `${binaries}/win32/arm64/dxil.dll`,
    'tokenizers/tokenizers.android-arm64.node',
    '@tensorflow/tfjs-core/dist/tf-core.node.js.map',
    '@tensorflow/tfjs-core/dist/tf-core.min.js',
    'h5wasm/dist/iife/h5wasm.js',
  ]) {
    expect(isPacked(path), path).toBe(false);
  }
  const dependencies = { 'onnxruntime-common': '1.30.0', 'global-agent': '^4.1.3' };
  const described = packedDescription(JSON.stringify({ name: 'x', scripts: { postinstall: 'y' }, dependencies }));
  expect(JSON.parse(described)).toEqual({ name: 'x', dependencies: { 'onnxruntime-common': '1.30.0' } });
});
