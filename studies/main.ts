/** Does a study: `npm run study -- <name> [--quick]` */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript, wholeNumber } from '../examples/script.ts';
import { comparisonKeys } from '../shared/checkpoints/comparison-keys.ts';
import { loadComparison } from '../shared/config/load-comparison.ts';
import { UserError } from '../shared/core/errors.ts';
import { didYouMean } from '../shared/core/suggest.ts';
import { keptResult } from './kept-result.ts';
import { makeData } from './make-data.ts';
import { shortened, shortenedName } from './shorten.ts';
import { type Study, studies } from './studies.ts';

const names = Object.keys(studies);
const list = names.map((name) => `  ${name.padEnd(12)}  ${studies[name]!.subject}`).join('\n');

const usage = `npm run study -- <name> [options]

  --quick       little of everything, to see it work: about two minutes
  --parallel N  runs at a time (as the compare file says)
  --out FOLDER  where the results go (studies/results)
  --write       results go to docs/studies instead, as part of the project

Studies:
${list}
`;

const here = fileURLToPath(new URL('.', import.meta.url));
const project = fileURLToPath(new URL('..', import.meta.url));
const print = (line: string) => process.stdout.write(`${line}\n`);
const shown = (path: string) => relative(process.cwd(), path);

await runScript(
  usage,
  {
    quick: { type: 'boolean', default: false },
    parallel: { type: 'string' },
    out: { type: 'string', default: join(here, 'results') },
    write: { type: 'boolean', default: false },
  },
  async ({ quick, parallel, out, write }, given) => {
    const study = studyNamed(given);
    if (quick && write) {
      throw new UserError('does not go with --quick: what so few seeds give is no result', { where: '--write' });
    }
    const results = write ? join(project, 'docs', 'studies') : out;
    const options = parallel === undefined ? [] : ['--parallel', String(wholeNumber(parallel, '--parallel'))];
    await makeData(study, join(here, 'data'), (path) => print(`making ${shown(path)}`));
    for (const name of study.compareFiles) {
      const file = quick ? await writeShortened(name) : join(here, name);
      const { settings, folder } = await loadComparison(file);
      const code = await compare([file, ...options]);
      if (code !== 0) {
        process.exitCode = code;
        return;
      }
      await mkdir(results, { recursive: true });
      const kept = join(results, `${settings.name}.json`);
      const result = await readFile(join(folder, comparisonKeys.judged(settings.name)), 'utf8');
      await writeFile(kept, keptResult(result));
      print(`kept      ${shown(kept)}`);
    }
  },
  { positionals: true },
);

/** @throws UserError when there is no study of that name. */
function studyNamed(given: readonly string[]): Study {
  const [name, ...more] = given;
  const remedy = `There are:\n${list}`;
  if (name === undefined) throw new UserError('which study?', { remedy });
  if (more.length > 0) throw new UserError('one study at a time', { where: given.join(' '), remedy });
  if (Object.hasOwn(studies, name)) return studies[name]!;
  throw new UserError('there is no such study', { where: name, remedy: `${didYouMean(name, names)} ${remedy}`.trim() });
}

/** @returns the path of a comparison that is soon done. */
async function writeShortened(name: string): Promise<string> {
  await loadComparison(join(here, name));
  const path = join(here, shortenedName(name));
  const text = await readFile(join(here, name), 'utf8');
  await writeFile(path, shortened(text, name.replace(/\.yaml$/, '-quick')));
  return path;
}

/** Runs `tempbalance compare`; its exit code. Ctrl-C stops it gently, and this process waits for that. */
function compare(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(project, 'cli', 'main.ts'), 'compare', ...args], { stdio: 'inherit' });
  const wait = () => {};
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', pass);
  return new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  }).finally(() => {
    process.off('SIGINT', wait);
    process.off('SIGTERM', pass);
  });
}
