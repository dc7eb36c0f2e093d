/** Fine-tunes the example twice, plain and balanced, with all else equal, and compares: `npm run demo` */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const runFile = fileURLToPath(new URL('burgers.yaml', import.meta.url));
const folder = fileURLToPath(new URL('../../runs', import.meta.url));
const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);

/** Runs a command as a user would type it, and ends with its exit code when it fails. */
function tempbalance(...args: string[]): void {
  process.stdout.write(`\n$ tempbalance ${args.join(' ')}\n`);
  const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 130);
}

const [plain, balanced] = [`plain-${stamp}`, `balanced-${stamp}`];
const passedOn = process.argv.slice(2);
tempbalance('train', runFile, '--set', `output.name=${plain}`, '--set', 'balance=off', ...passedOn);
tempbalance('train', runFile, '--set', `output.name=${balanced}`, ...passedOn);
tempbalance(
  'report',
  join(folder, plain),
  join(folder, balanced),
  '--title',
  'Burgers: plain and balanced fine-tuning',
  '--out',
  'report.html',
);
