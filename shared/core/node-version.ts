/** Which Node this needs; imports nothing that an older one lacks. */
import packageJson from '../../package.json' with { type: 'json' };

const numbersOf = (version: string) => version.split('.').map(Number) as [number, number];

/** What is wrong with the Node that runs this, with the remedy; undefined: it is new enough. */
export function nodeTooOld(version: string = process.versions.node): string | undefined {
  const [wantedMajor, wantedMinor] = numbersOf(packageJson.engines.node.replace(/^\D+/, ''));
  const [major, minor] = numbersOf(version);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `this is Node ${version}, and tempbalance needs ${wantedMajor}.${wantedMinor} or later\n  Install it from https://nodejs.org, or in your project: npm install node@${wantedMajor}`;
}
