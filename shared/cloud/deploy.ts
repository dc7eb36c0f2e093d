/** Deploying, by the CDK's own command line. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { messageOf, UserError } from '../core/errors.ts';
import { callerIdentity } from './identity.ts';
import { askRegion, subnetsIn } from './region-offer.ts';

/** The folder with cdk.json, from this file upwards. @throws UserError when there is none: what is installed has no `infra/`. */
function projectFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'cdk.json')) && existsSync(join(folder, 'infra', 'app.ts'))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new UserError('the package has no infrastructure to deploy', {
    remedy:
      "Clone the project, and run `npx tempbalance cloud deploy` in the clone, where cdk.json has the service's settings.",
  });
}

const settingsSchema = z.looseObject({ images: z.looseObject({ build: z.string().optional() }).optional() });

/**
 * Whether images are built on this machine, by the settings that are given, or else those in cdk.json; what is wrong with them
 * the CDK's app says.
 */
export function needsDocker(args: readonly string[], cdkJson: string): boolean {
  const given = args
    .map((arg) => arg.replace(/^(-c|--context=)/, ''))
    .findLast((arg) => arg.startsWith('tempbalance='));
  try {
    const settings: unknown = given
      ? JSON.parse(given.slice('tempbalance='.length))
      : (JSON.parse(cdkJson) as { context?: { tempbalance?: unknown } }).context?.tempbalance;
    return settingsSchema.parse(settings).images?.build !== 'codebuild';
  } catch {
    return true;
  }
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

/** What the region offers, as an argument of cdk; none where it may not be asked, which is told. */
async function offerContext(region: string | undefined, cdkJson: string): Promise<string[]> {
  try {
    return ['--context', `tempbalance-offer=${JSON.stringify(await askRegion(region, subnetsIn(cdkJson)))}`];
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
 * @throws UserError when Docker or credentials are missing.
 */
export async function deploy(args: readonly string[], region: string | undefined): Promise<number> {
  const folder = projectFolder();
  const command = join(folder, 'node_modules', '.bin', 'cdk');
  if (!existsSync(command)) throw new UserError('is not installed', { where: command, remedy: 'Run npm ci there.' });
  const cdkJson = readFileSync(join(folder, 'cdk.json'), 'utf8');
  if (needsDocker(args, cdkJson)) refuseWithoutDocker();
  const { account } = await callerIdentity(region);
  process.stderr.write(`deploying to account ${account}\n`);
  const offer = await offerContext(region, cdkJson);
  const cdk = spawn(command, ['deploy', ...offer, ...args], {
    cwd: folder,
    stdio: 'inherit',
    env: { ...process.env, ...(region === undefined ? {} : { AWS_REGION: region, AWS_DEFAULT_REGION: region }) },
  });
  const [code] = await once(cdk, 'close');
  return (code as number | null) ?? 1;
}
