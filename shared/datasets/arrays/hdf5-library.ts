/** Calls into h5wasm that leave nothing open and print nothing, whatever the file is like. */
type H5Module = Awaited<typeof import('h5wasm/node').ready>;

/** The library, and a way to call it. */
export interface Hdf5Library {
  readonly h5wasm: typeof import('h5wasm/node');
  readonly module: H5Module;
  /**
   * Calls the library.
   * @throws Error with the library's own reason when something in it failed.
   */
  call<Result>(use: (module: H5Module) => Result): Result;
  /** Whether the library ended within a call: it can't be used any more. */
  isLost(): boolean;
  /** Whether the library has any file open. */
  hasOpenFiles(): boolean;
}

/** The part of a stream of Emscripten's file system that is replaced. */
interface EmscriptenStream {
  node?: { mode: number };
  stream_ops?: { write(stream: unknown, bytes: Int8Array, offset: number, length: number): number };
}

/** The type and rights of a device, which the library looks up of a stream that it writes to. */
const deviceMode = 0o20666;

let loaded: Promise<Hdf5Library> | undefined;

/**
 * Loads the library once.
 *
 * It reports errors to a handler: its own, which prints on stderr, or one of h5wasm's that throws out of the middle of C. What C had open by then stays
 * open, the file with it. So the handler that prints is used, and its stderr is text in memory here.
 */
export function loadHdf5(): Promise<Hdf5Library> {
  loaded ??= (async () => {
    const h5wasm = await import('h5wasm/node');
    const module = await h5wasm.ready;
    let printed = '';
    let lost = false;
    const { streams } = module.FS as unknown as { streams: (EmscriptenStream | null | undefined)[] };
    const stderr = streams[2]!;
    stderr.node = { mode: deviceMode };
    stderr.stream_ops = {
      write(_, bytes, offset, length) {
        printed += Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1');
        return length;
      },
    };
    return {
      h5wasm,
      module,
      hasOpenFiles: () => streams.some((stream, descriptor) => descriptor > 2 && stream),
      isLost: () => lost,
      call(use) {
        if (lost) throw new Error('the library has ended');
        module.deactivate_throwing_error_handler();
        printed = '';
        let result: ReturnType<typeof use>;
        try {
          result = use(module);
        } catch (cause) {
          lost = (cause as Error).name === 'RuntimeError';
          throw new Error(deepestReason(printed || String((cause as Error).message ?? cause)), { cause });
        }
        if (printed) throw new Error(deepestReason(printed));
        return result;
      },
    };
  })();
  return loaded;
}

/** What the library's error stack says at its deepest: `truncated file: eof = 300000, ...`; of a call to the system, what that said: `No space left on device`. */
function deepestReason(text: string): string {
  const reason = [...text.matchAll(/#\d+:.*? in \w+\(\): (.+(?:\n, .+)*)/g)].at(-1)?.[1] ?? text.split('\n')[0]!;
  return /error message = '([^']+)'/.exec(reason)?.[1] ?? reason;
}
