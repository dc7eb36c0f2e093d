import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const watchdog = fileURLToPath(new URL('../../functions/watchdog.ts', import.meta.url));

/** A process that does so with a call that is watched. */
async function ends(work: string): Promise<{ how: unknown; said: string }> {
  const script = `import { watched } from ${JSON.stringify(watchdog)};\nconst endIn = watched();\n${work}`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { timeout: 60_000 });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const [code, signal] = await once(child, 'close');
  return { how: signal ?? code, said };
}

it('ends a process whose call computes for ever, and says why', async () => {
  const { how, said } = await ends('endIn(0.2); for (;;);');
  expect(how).toBe('SIGKILL');
  expect(said).toBe("the process has taken as long as the rest of its run's budget allows: ended\n");
});

it('ends one that waits for ever', async () => {
  expect((await ends('endIn(0.2); setInterval(() => 0, 1000);')).how).toBe('SIGKILL');
});

it('ends it when the first of several calls has used its time', async () => {
  expect((await ends('endIn(3600); watched()(0.2); watched()(3600); for (;;);')).how).toBe('SIGKILL');
});

it('lets a process be whose call has ended, and does not keep it', async () => {
  const wait = 'await new Promise((done) => setTimeout(done, 600));';
  expect(await ends(`endIn(0.3); endIn(undefined); ${wait} endIn(0.3); endIn(3600); ${wait}`)).toEqual({
    how: 0,
    said: '',
  });
});
