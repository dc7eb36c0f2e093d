/** The thread that the HDF5 library runs in: one file at a time. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import type { AxisRange } from './array-file.ts';
import { contentsOf, type Hdf5Contents, openHdf5, readHdf5 } from './hdf5-contents.ts';
import { type Hdf5Library, loadHdf5 } from './hdf5-library.ts';
import { createHdf5, type Hdf5Block, type NewHdf5, writeHdf5 } from './hdf5-writing.ts';
import type { NumberType } from './number-types.ts';

export type Hdf5Request =
  | { readonly open: string }
  | { readonly list: true }
  | { readonly read: { readonly name: string; readonly type: NumberType; readonly ranges: readonly AxisRange[] } }
  | { readonly create: NewHdf5 }
  | { readonly write: Hdf5Block }
  | { readonly close: true };

/** The reply to a request; replies come in the order of the requests. */
export type Hdf5Reply =
  | { readonly opened: true }
  | { readonly contents: Hdf5Contents }
  | { readonly values: Float32Array<ArrayBuffer> }
  | { readonly created: true }
  | { readonly written: true }
  | { readonly closed: true }
  /** `lost`: the library can't be used any more, or has something open. */
  | { readonly error: string; readonly lost: boolean };

/** The library says on the console why it ends for good; the reply says so as well. */
for (const method of ['log', 'warn', 'error'] as const) console[method] = () => {};

const port = parentPort!;
let id: bigint | undefined;
/** Whether the file is one that is written: after an error the library may keep what it could not write. */
let writing = false;

function answer(library: Hdf5Library, request: Hdf5Request): Hdf5Reply {
  if ('open' in request) {
    writing = false;
    id = openHdf5(library, request.open);
    return { opened: true };
  }
  if ('create' in request) {
    writing = true;
    id = createHdf5(library, request.create);
    return { created: true };
  }
  if ('write' in request) {
    writeHdf5(library, id!, request.write);
    return { written: true };
  }
  if ('list' in request) return { contents: contentsOf(library, id!) };
  if ('read' in request) return { values: readHdf5(library, id!, request.read) };
  const closed = id;
  id = undefined;
  if (closed !== undefined) library.call((module) => module.close_file(closed));
  return library.hasOpenFiles() ? { error: 'the file is still open', lost: true } : { closed: true };
}

port.on('message', async (request: Hdf5Request) => {
  const library = await loadHdf5();
  try {
    const reply = answer(library, request);
    port.postMessage(reply, 'values' in reply ? [reply.values.buffer] : []);
  } catch (error) {
    port.postMessage({ error: messageOf(error), lost: library.isLost() || writing } satisfies Hdf5Reply);
  }
});
