/** How much memory this process may take, and what gives it more. */
import { totalmem } from 'node:os';

export interface MemoryLimit {
  readonly bytes: number;
  /** What to do for more, as the end of a sentence. */
  readonly more: string;
}

/** What the machine says. */
interface Machine {
  readonly totalBytes: number;
  /** Of the container or control group; 0 or more than there is where nothing is limited. */
  readonly constrainedBytes: number;
}

const thisMachine = (): Machine => ({ totalBytes: totalmem(), constrainedBytes: process.constrainedMemory() });

/** The limit of a function in AWS Lambda, of a container, or of the machine, whichever is the tightest. */
export function memoryLimit(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  { totalBytes, constrainedBytes }: Machine = thisMachine(),
): MemoryLimit {
  const ofMachine = constrainedBytes > 0 ? Math.min(constrainedBytes, totalBytes) : totalBytes;
  const ofFunction = Number(environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE) * 2 ** 20;
  if (ofFunction > 0) {
    const more = 'set functionMemoryMb higher in the context of cdk.json (10240 at most), and deploy again';
    return { bytes: Math.min(ofFunction, ofMachine), more };
  }
  if (environment.AWS_BATCH_JOB_ID !== undefined) {
    const more = 'give jobs more memory (cpuMemoryGb or gpuSize in the context of cdk.json), and deploy again';
    return { bytes: ofMachine, more };
  }
  return { bytes: ofMachine, more: 'take a machine with more memory' };
}
