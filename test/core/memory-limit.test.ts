import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { memoryLimit } from '../../shared/core/memory-limit.ts';

const gibibyte = 2 ** 30;
const machine = { totalBytes: 64 * gibibyte, constrainedBytes: 0 };

describe('the memory of a process', () => {
  it('is that of the machine, or of the container that it is in', () => {
    expect(memoryLimit({}, machine).bytes).toBe(64 * gibibyte);
    expect(memoryLimit({}, { ...machine, constrainedBytes: 16 * gibibyte }).bytes).toBe(16 * gibibyte);
    expect(memoryLimit({}, { ...machine, constrainedBytes: 2 ** 63 }).bytes).toBe(64 * gibibyte);
    expect(memoryLimit().bytes).toBeLessThanOrEqual(totalmem());
  });

  it('is that of the function, whatever its machine says', () => {
    const { bytes, more } = memoryLimit({ AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '3008' }, machine);
    expect(bytes).toBe(3008 * 2 ** 20);
    expect(more).toContain('functionMemoryMb');
  });

  it('of a training job is mended by the settings of jobs', () => {
    const { bytes, more } = memoryLimit({ AWS_BATCH_JOB_ID: 'a' }, { ...machine, constrainedBytes: 12 * gibibyte });
    expect(bytes).toBe(12 * gibibyte);
    expect(more).toContain('cpuMemoryGb or gpuSize');
  });
});
