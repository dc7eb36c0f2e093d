/** Deploying, by the CDK's own command line. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { messageOf, UserError } from '../core/errors.ts';
import { requirePackages } from '../core/optional-packages.ts';

const here = import.meta.url;

/** The way to call the CDK's command line, and the folder to call it in. */
interface Cdk {
  readonly folder: string;
  readonly args: readonly string[];
}

/** A clone has cdk.json. What is installed brings its app, and takes settings from a cdk.json of the folder that it is called in. */
function cdkHere(): Cdk {
  const root = (path: string) => fileURLToPath(new URL(`../../${path}`, here));
  if (here.endsWith('.ts')) return { folder: root('.'), args: [] };
  // The CDK's command line takes away quotes that stand at both ends.
  const app = `"${process.execPath}" "${root('infra/app.js')}" --`;
  return { folder: process.cwd(), args: ['--app', app, '--no-notices', '--no-version-reporting'] };
}

/**
 * Runs the CDK's command line.
 * @throws UserError when a package that it needs is not installed.
 */
async function cdk(command: string, args: readonly string[], region: string | undefined): Promise<number> {
  const { folder, args: own } = cdkHere();
  const program = join(dirname(createRequire(here).resolve('aws-cdk/package.json')), 'bin', 'cdk');
  const running = spawn(process.execPath, [program, command, ...own, ...args], {
    cwd: folder,
    stdio: 'inherit',
    env: {
      // As in cdk.json, which turns off what the CDK reports of its version.
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      ...process.env,
      ...(region === undefined ? {} : { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
    },
  });
  // Ctrl-C reaches both processes: the CDK's ends first.
  const wait = () => undefined;
  process.on('SIGINT', wait);
  const [code] = await once(running, 'close');
  process.off('SIGINT', wait);
  return (code as number | null) ?? (running.signalCode === 'SIGINT' ? 130 : 1);
}

const settingsSchema = z.looseObject({ images: z.looseObject({ build: z.string().optional() }).optional() });

/** The settings that are given, or else those in cdk.json; undefined where they can't be read, of which the CDK's app tells. */
function settingsGiven(args: readonly string[], cdkJson: string): unknown {
  const given = args
    .map((arg) => arg.replace(/^(-c|--context=)/, ''))
    .findLast((arg) => arg.startsWith('tempbalance='));
  try {
    return given
      ? JSON.parse(given.slice('tempbalance='.length))
      : (JSON.parse(cdkJson) as { context?: { tempbalance?: unknown } }).context?.tempbalance;
  } catch {
    return undefined;
  }
}

/** Whether images are built on this machine; what is wrong with the settings the CDK's app says. */
export function needsDocker(args: readonly string[], cdkJson: string): boolean {
  const { data } = settingsSchema.safeParse(settingsGiven(args, cdkJson));
  return data?.images?.build !== 'codebuild';
}

/** @throws UserError when images can't be built. */
function refuseWithoutDocker(): void {
  const { error, status, stderr } = spawnSync('docker', ['info'], { encoding: 'utf8' });
  if (error) {
    throw new UserError('is not installed', {
      where: 'docker',
      remedy:
        'Deploying builds images on this machine: install Docker, or have them built in the account by the setting images.build: codebuild.',
    });
  }
  if (status !== 0) {
    throw new UserError(`does not run (${stderr.trim().split('\n').at(-1)})`, {
      where: 'docker',
      remedy: 'Start it: deploying builds images on this machine, unless the setting images.build is codebuild.',
    });
  }
}

/** The text of the cdk.json that has the settings; without one, what stands for it. */
function settingsFile(): string {
  const path = join(cdkHere().folder, 'cdk.json');
  return existsSync(path) ? readFileSync(path, 'utf8') : '{ "context": {} }';
}

/** What the region offers, as an argument of cdk; none where it may not be asked, which is told. */
async function offerContext(region: string | undefined, settings: unknown): Promise<string[]> {
  try {
    const { askRegion, networkToAsk } = await import('./region-offer.ts');
    return ['--context', `tempbalance-offer=${JSON.stringify(await askRegion(region, networkToAsk(settings)))}`];
  } catch (error) {
    process.stderr.write(`not checked what the region offers: ${messageOf(error)}\n`);
    return [];
  }
}

/**
 * Deploys with the settings in cdk.json.
 * @param args go to `cdk deploy` as they are.
 * @param region absent: the SDK's own choice.
 * @returns the exit code of cdk.
 * @throws UserError when packages, Docker or credentials are missing.
 */
export async function deploy(args: readonly string[], region: string | undefined): Promise<number> {
  requirePackages('deployment');
  if (needsDocker(args, settingsFile())) refuseWithoutDocker();
  const { callerIdentity } = await import('./identity.ts');
  const { account } = await callerIdentity(region);
  process.stderr.write(`deploying to account ${account}\n`);
  const offer = await offerContext(region, settingsGiven(args, settingsFile()));
  return await cdk('deploy', [...offer, ...args], region);
}

/**
 * Writes the templates of what `deploy` would make to `cdk.out`, without an account, a network or Docker.
 * @param args go to `cdk synth` as they are.
 * @returns the exit code of cdk.
 * @throws UserError when packages are missing.
 */
export async function synthesize(args: readonly string[]): Promise<number> {
  requirePackages('deployment');
  return await cdk('synth', ['--quiet', ...args], undefined);
}
