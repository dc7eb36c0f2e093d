/** The stand-in for AWS: moto's server, a Python program. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A server that is up. */
export interface Moto {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  stop(): Promise<void>;
}

function motoOnPath(): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'moto_server'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The address that the server says it listens at. */
async function addressOf(server: ChildProcess): Promise<string> {
  let said = '';
  for await (const text of server.stderr!.setEncoding('utf8')) {
    said += text;
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
    if (url) return url;
  }
  throw new Error(`moto_server did not start:\n${said}`);
}

/**
 * Starts a server on a free port, with nothing in it.
 * @returns undefined, with a line that says so, where moto is not installed; in continuous integration that is an error.
 */
export async function startMoto(): Promise<Moto | undefined> {
  const path = motoOnPath();
  if (!path) {
    const missing = 'moto_server is not on PATH (pip install "moto[server]")';
    if (process.env.CI === 'true') throw new Error(`${missing}: the S3 tests can't run`);
    console.warn(`${missing}: the S3 tests are skipped`);
    return undefined;
  }
  const server = spawn(path, ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
  const url = await Promise.race([
    addressOf(server),
    once(server, 'error').then(([error]) => {
      throw error;
    }),
  ]);
  server.stderr!.resume();
  return {
    url,
    async stop() {
      process.off('exit', kill);
      const closed = once(server, 'close');
      kill();
      await closed;
    },
  };
}
