import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/small-run.ts';

it("ONNX Runtime keeps no identifier of the machine, and no events to send, in the user's home", async () => {
  const thread = fileURLToPath(new URL('../../../shared/engines/onnx/thread.ts', import.meta.url));
  const home = join(await temporaryFolder(), 'home');
  const script = `${home}.ts`;
  await mkdir(home);
  const text = `import { startThread } from ${JSON.stringify(thread)};\nawait startThread().ask({ do: 'load' });\nprocess.exit(0);`;
  await writeFile(script, text);
  // Without the variables by which it knows a run of tests, in which it keeps nothing anyway.
  const { PATH } = process.env;
  const env = { PATH, HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home };
  execFileSync(process.execPath, [script], { env });
  expect(readdirSync(home)).toEqual([]);
});
