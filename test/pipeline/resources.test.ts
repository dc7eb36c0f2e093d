import { expect, it, vi } from 'vitest';
import { RunError, UserError } from '../../shared/core/errors.ts';
import { openedOnce } from '../../shared/pipeline/resources.ts';
import { fakeConfig } from '../support/fake-run.ts';

const nowhere = '/nowhere.json';

it.each(['auto', 'onnx-webgpu', 'tfjs-node-gpu'])(
  'a machine whose GPU can not be used says so before data are fetched for %s',
  async (engine) => {
    vi.stubEnv('VK_ICD_FILENAMES', nowhere);
    vi.stubEnv('VK_DRIVER_FILES', nowhere);
    const localPath = vi.fn(() => Promise.reject(new UserError('there is no such file')));
    const { openWorkload } = openedOnce({ localPath, warn: () => undefined, hasGpu: true });
    const opened = openWorkload(fakeConfig({ training: { engine } }));
    await expect(opened).rejects.toThrow(RunError);
    await expect(opened).rejects.toThrow('this machine is there for its GPU, and no engine can use one');
    expect(localPath).not.toHaveBeenCalled();
  },
);

it('a machine with a GPU computes on its processor when an engine for that is named', async () => {
  const localPath = () => Promise.reject(new UserError('there is no such file'));
  const { openWorkload } = openedOnce({ localPath, warn: () => undefined, hasGpu: true });
  await expect(openWorkload(fakeConfig({ training: { engine: 'wasm' } }))).rejects.toThrow('there is no such file');
});
