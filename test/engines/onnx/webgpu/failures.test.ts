import { describe, expect, it } from 'vitest';
import { RunError, UserError } from '../../../../shared/core/errors.ts';
import { explainFailure, explainStart } from '../../../../shared/engines/onnx/webgpu/failures.ts';

/** What ONNX Runtime said, and what of it a user is told. */
const said = [
  [
    'Failed to download data from buffer. wgpu::MapAsyncStatus value: 4',
    'the GPU was lost while it computed (a driver that was restarted, a hang, or memory that ran out): Failed to download data',
  ],
  [
    'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While validating entries[2] against { binding: 2 }.',
    "the GPU's memory does not hold the step: WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n  Take",
  ],
  [
    'WebGPU validation failed. Buffer size (1160000000) exceeds the max buffer size limit (1073741824).\n - While calling [Device].CreateBuffer',
    'a tensor of the step is larger than this GPU takes: WebGPU validation failed. Buffer size (1160000000) exceeds the max buffer size limit (1073741824).\n  Take',
  ],
  [
    '/onnxruntime_src/webgpu_context.cc:200 Initialize was false. Failed to get a WebGPU device: maxStorageBuffersPerShaderStage',
    'the GPU lacks what WebGPU needs: Failed to get a WebGPU device: maxStorageBuffersPerShaderStage\n  Update its driver',
  ],
] as const;

describe('a failure on a GPU', () => {
  it.each(said)('is told with what to do: %s', (message, expected) => {
    const error = explainFailure(message);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(`engine onnx-webgpu: ${expected}`);
    expect(error.message).toContain('go on on the processor: --set training.engine=onnx.');
  });

  it('stays what it is where it is of another kind', () => {
    const error = explainFailure('Non-zero status code returned while running MaxPool node.');
    expect(error).toBeInstanceOf(RunError);
    expect(error.message).toBe('engine onnx-webgpu: Non-zero status code returned while running MaxPool node.');
  });

  it('at the start says what the system sees', () => {
    const { message } = explainStart('Failed to get a WebGPU adapter: No supported adapters', 'Vulkan names none');
    expect(message).toContain(
      'WebGPU finds no GPU that it can use (Vulkan names none): Failed to get a WebGPU adapter: No supported adapters\n',
    );
  });

  it('at the start says what the GPU lacks, and what to do, once', () => {
    const said = 'Failed to get a WebGPU device: requiredLimits.maxStorageBuffersPerShaderStage (8)';
    const { message } = explainStart(`webgpu_context.cc:100 Initialize was false. ${said}`, 'Vulkan names Old GPU');
    expect(message).toMatch(
      /^engine onnx-webgpu on \w+ \w+: the GPU lacks what WebGPU needs \(Vulkan names Old GPU\): /,
    );
    expect(message).toContain(`: ${said}\n  Update its driver, or go on on the processor: --set training.engine=onnx.`);
    expect(message).not.toContain('Install');
  });
});
