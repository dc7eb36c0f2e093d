/** Measures seeded, named cases: `npm run bench -- [--json] [--only SUITE] [--engine NAME]` */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type EngineChoice, engineChoices } from '../shared/engines/engine.ts';
import type { Result } from './suite.ts';
import { analysis } from './suites/analysis.ts';
import { checkpointMemory } from './suites/checkpoint-memory.ts';
import { comparisonOverhead } from './suites/comparison-overhead.ts';
import { epochOverhead } from './suites/epoch-overhead.ts';
import { estimate } from './suites/estimate.ts';
import { huggingFace } from './suites/hugging-face.ts';
import { page } from './suites/page.ts';
import { runMemory } from './suites/run-memory.ts';
import { spectra } from './suites/spectra.ts';
import { trainStep } from './suites/train-step.ts';
import { transformer } from './suites/transformer.ts';
import { wholeRun } from './suites/whole-run.ts';

const suites = [
  trainStep,
  analysis,
  spectra,
  epochOverhead,
  comparisonOverhead,
  estimate,
  checkpointMemory,
  runMemory,
  huggingFace,
  transformer,
  wholeRun,
  page,
];

const { values: options } = parseArgs({
  strict: false,
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    engine: { type: 'string', default: 'auto' },
  },
});
const known = new Set(['json', 'only', 'engine']);
const chosen = suites.filter(({ name, onRequest }) =>
  options.only === undefined ? !onRequest : name === options.only,
);
if (
  Object.keys(options).some((name) => !known.has(name)) ||
  chosen.length === 0 ||
  !engineChoices.includes(options.engine as EngineChoice)
) {
  process.stderr.write(
    `--only takes ${suites.map(({ name }) => name).join(', ')}; --engine takes ${engineChoices.join(', ')}\n`,
  );
  process.exit(2);
}

/** Four significant digits, for the table. */
const rounded = (result: Result) =>
  Object.fromEntries(
    Object.entries(result).map(([key, value]) => [
      key,
      typeof value === 'number' ? Number(value.toPrecision(4)) : value,
    ]),
  );

const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
const measured: Record<string, Result[]> = {};
for (const { name, run } of chosen) {
  measured[name] = await run({ engine: options.engine as EngineChoice });
  if (options.json) continue;
  console.log(name);
  console.table(measured[name]!.map(rounded));
}
if (options.json) console.log(JSON.stringify({ machine, suites: measured }, null, 2));
else console.log(`measured on ${machine.cores} cores, ${machine.processor}, Node ${machine.node}`);
process.exit(0);
