import type { Finding } from '../core/finding.ts';
import { formatBytes, formatCount } from '../core/format.ts';
import type { MachineReport } from './examine-machine.ts';

type Answer = Omit<Finding, 'check'>;

const withRemedy = (answer: Answer, remedy: string | null): Answer =>
  remedy === null ? answer : { ...answer, remedy };

/** Without which a run that names no engine trains slowly, or not at all. */
const usualEngines = ['onnx', 'wasm', 'cpu'];

function engineAnswer(
  { name, works, version, reason, remedy }: MachineReport['engines'][number],
  adapters: MachineReport['adapters'],
): Answer {
  if (!works) return withRemedy({ result: usualEngines.includes(name) ? 'problem' : 'note', found: reason! }, remedy);
  const [gpu] = adapters ?? [];
  if (name !== 'onnx-webgpu' || !gpu) return { result: 'ok', found: version! };
  return gpu.software
    ? { result: 'note', found: `${version}: the processor plays this GPU, so auto never takes it` }
    : { result: 'ok', found: `${version} (${gpu.kind})` };
}

function autoAnswer({ auto: { processor, measures }, canTrain }: MachineReport): Answer {
  if (!canTrain) {
    return { result: 'problem', found: 'nothing can train here', remedy: 'Reinstall the package: npm install.' };
  }
  if (processor === null) return { result: 'problem', found: 'takes nothing: neither onnx nor wasm works' };
  if (measures.length === 0) return { result: 'ok', found: `takes ${processor}` };
  const others = measures.join(' and ');
  return { result: 'ok', found: `measures a step on ${processor} and ${others}; small models stay on ${processor}` };
}

function solverAnswer({ works, version, taken, reason, remedy }: MachineReport['solvers'][number]): Answer {
  if (!works) return withRemedy({ result: 'note', found: reason! }, remedy);
  return { result: 'ok', found: taken ? `${version}, which is taken` : version! };
}

/** A report as lines for a person. */
export function machineFindings(report: MachineReport): Finding[] {
  const { engines, adapters, solvers, memory, processor, versions, packages } = report;
  const { totalBytes, availableBytes, limitBytes } = memory;
  const limit = limitBytes === null ? '' : `, limited to ${formatBytes(limitBytes)} (container)`;
  const counts = `${formatCount(processor.processors, 'thread')} at a time, ${processor.threads} used`;
  return [
    ...engines.map((engine) => ({ check: `engine ${engine.name}`, ...engineAnswer(engine, adapters) })),
    { check: 'engine auto', ...autoAnswer(report) },
    ...(adapters ?? []).map(({ name, kind }): Finding => ({ check: 'GPU', result: 'ok', found: `${name}, ${kind}` })),
    ...solvers.map((solver) => ({ check: `solver ${solver.name}`, ...solverAnswer(solver) })),
    {
      check: 'memory',
      result: 'ok',
      found: `${formatBytes(availableBytes)} free of ${formatBytes(totalBytes)}${limit}`,
    },
    { check: 'processor', result: 'ok', found: `${processor.model ?? processorUnknown}, ${counts}` },
    {
      check: 'versions',
      result: 'ok',
      found: `tempbalance ${versions.tempbalance}, Node ${versions.node}, ${versions.platform}`,
    },
    ...packages.map(({ name, loads, version, reason }): Finding => {
      if (loads) return { check: `package ${name}`, result: 'ok', found: version! };
      const remedy =
        name === 'koffi' ? 'Optional: OpenBLAS and the names of GPUs need it. npm install koffi' : 'npm install';
      return { check: `package ${name}`, result: name === 'koffi' ? 'note' : 'problem', found: reason!, remedy };
    }),
  ];
}

const processorUnknown = 'a processor whose name is not told';
