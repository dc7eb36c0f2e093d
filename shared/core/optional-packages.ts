/** Packages that an installation has only where they are wanted: clients of AWS, and what deploys (`peerDependencies` of package.json, all optional). */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { UserError } from './errors.ts';

const ranges: Readonly<Record<string, string>> = packageJson.peerDependencies;

/** What builds and deploys the service, and what its functions are made of; the others are the clients that the command itself uses. */
const deploys =
  /^(aws-cdk|aws-cdk-lib|cdk-nag|constructs|esbuild|@middy\/|@aws-lambda-powertools\/|@aws-sdk\/((client|lib)-dynamodb|client-secrets-manager)$)/;

const groups = {
  clients: { what: 'the clients of AWS', names: Object.keys(ranges).filter((name) => !deploys.test(name)) },
  deployment: { what: 'what deploying needs', names: Object.keys(ranges) },
} as const;

const ownRequire = createRequire(import.meta.url);

const isInstalled = (name: string) =>
  (ownRequire.resolve.paths(name) ?? []).some((folder) => existsSync(join(folder, name, 'package.json')));

/** What `npm install` is given. A caret means something else on Windows, and the newest of a major version is within its range. */
const wanted = (name: string) => `${name}@${/^\^(\d+)/.exec(ranges[name]!)?.[1] ?? ranges[name]}`;

function explain(group: keyof typeof groups, missing: readonly string[], cause?: unknown): UserError {
  return new UserError(`${groups[group].what} ${group === 'clients' ? 'are' : 'is'} not installed`, {
    remedy: `Run: npm install ${missing.map(wanted).join(' ')}`,
    cause,
  });
}

/** @throws UserError that says what to install when a package of the group is missing. */
export function requirePackages(group: keyof typeof groups): void {
  const missing = groups[group].names.filter((name) => !isInstalled(name));
  if (missing.length > 0) throw explain(group, missing);
}

/** Node's complaint about an optional package that is not installed, as an error that says what to install; undefined for any other error. */
export function missingPackage(error: unknown): UserError | undefined {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const name = /^Cannot find package '((?:@[^/']+\/)?[^/']+)/.exec(error.message)?.[1];
  if (name === undefined || !Object.hasOwn(ranges, name)) return undefined;
  const group = deploys.test(name) ? 'deployment' : 'clients';
  return explain(
    group,
    groups[group].names.filter((each) => each === name || !isInstalled(each)),
    error,
  );
}

/** What `work` gives; where an optional package is missing, the error says what to install. */
export async function withOptionalPackages<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw missingPackage(error) ?? error;
  }
}
