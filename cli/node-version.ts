/** Ends the process with a plain word where Node is too old: imported before anything that needs a later one. */
import packageJson from '../package.json' with { type: 'json' };

const numbersOf = (version: string) => version.split('.').map(Number) as [number, number];

const [wantedMajor, wantedMinor] = numbersOf(packageJson.engines.node.replace(/^\D+/, ''));
const [major, minor] = numbersOf(process.versions.node);
if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  process.stderr.write(
    `error: this is Node ${process.versions.node}, and tempbalance needs ${wantedMajor}.${wantedMinor} or later\n  Install it from https://nodejs.org, or in your project: npm install node@${wantedMajor}\n`,
  );
  process.exit(2);
}
