/** What goes wrong on a GPU, as ONNX Runtime says it and as a reader can mend it. */
import { RunError, UserError } from '../../../core/errors.ts';

const engine = 'engine onnx-webgpu';

/** The advice for going on without a GPU. */
const onProcessor = 'go on on the processor: --set training.engine=onnx';

interface Failure {
  /** The pattern of ONNX Runtime's message. */
  readonly says: RegExp;
  readonly what: string;
  readonly remedy: string;
}

const failures: readonly Failure[] = [
  {
    says: /failed to get a webgpu device|requiredlimits|required limit/i,
    what: 'the GPU lacks what WebGPU needs',
    remedy: `Update its driver, or ${onProcessor}.`,
  },
  {
    says: /device (is |was )?lost|lost device|failed to download data|failed to wait for the operation|failed to pop webgpu error scope/i,
    what: 'the GPU was lost while it computed (a driver that was restarted, a hang, or memory that ran out)',
    remedy: `What was committed is kept: resume the run, or ${onProcessor}.`,
  },
  {
    says: /exceeds (the )?(max buffer size|device|webgpu|limit|maximum|supported)|exceeds maxstoragebuffer/i,
    what: 'a tensor of the step is larger than this GPU takes',
    remedy: `Take a smaller training.batchSize, a smaller model, or ${onProcessor}.`,
  },
  {
    says: /\[Invalid Buffer|out of( device)? memory|out_of_(device_)?memory|failed to create gpu buffer|failed to allocate/i,
    what: "the GPU's memory does not hold the step",
    remedy: `Take a smaller training.batchSize (with training.accumulate the steps stay the same), a smaller model, or ${onProcessor}.`,
  },
];

/** The part of ONNX Runtime's message that is about what happened, on one line. */
function detail(message: string): string {
  const said = message
    .replace(/^.*was false\.\s*/s, '')
    .replace(/\s+/g, ' ')
    .replace(/ - While .*$/, '')
    .trim();
  return said.length > 300 ? `${said.slice(0, 300)}...` : said;
}

/** The error for what was said while a GPU computed. */
export function explainFailure(message: string, cause?: unknown): Error {
  const failure = failures.find(({ says }) => says.test(message));
  if (failure) {
    return new UserError(`${failure.what}: ${detail(message)}`, { where: engine, remedy: failure.remedy, cause });
  }
  return new RunError(message, { where: engine, cause });
}

/** The packages to install where a system's Vulkan finds no GPU. */
const installation: Partial<Record<NodeJS.Platform, string>> = {
  linux: "Install Vulkan's loader (Debian: libvulkan1) and the GPU's driver",
};

/**
 * The error for an engine that does not start.
 * @param seen what the system says of its GPUs
 */
export function explainStart(message: string, seen: string, cause?: unknown): UserError {
  const install = installation[process.platform] ?? "Update the GPU's driver";
  const failure = failures.find(({ says }) => says.test(message));
  const unknown = /adapter/i.test(message) ? 'WebGPU finds no GPU that it can use' : "the GPU can't be started";
  const what = failure?.what ?? unknown;
  return new UserError(`${what} (${seen}): ${detail(message)}`, {
    where: `${engine} on ${process.platform} ${process.arch}`,
    remedy: failure?.remedy ?? `${install}, or ${onProcessor}.`,
    cause,
  });
}
