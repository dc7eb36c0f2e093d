import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, TransientError, UserError } from '../core/errors.ts';
import { parseJsonFile } from '../core/json-file.ts';
import { isAbsence } from '../core/optional-file.ts';
import { didYouMean } from '../core/suggest.ts';
import { type ByteSource, fileSource } from './byte-source.ts';
import { openTorch } from './pickle/open-torch.ts';
import type { RowReader } from './row-reader.ts';
import { isFloat64, openSafetensors } from './safetensors.ts';
import type { HalfTensor, WeightTensor } from './tensor.ts';
import { rowsOfTensor, type TensorFile, type TensorStore } from './tensor-store.ts';

const indexSuffixes = ['.safetensors.index.json', '.bin.index.json'];
const shardName = /^(.*)-(\d{5})-of-(\d{5})\.(safetensors|bin)$/;

/** The endings of file names that PyTorch's checkpoints have. */
const torchSuffixes = ['.bin', '.pt', '.pth', '.ckpt', '.pkl'];

const isTorchFile = (name: string): boolean => torchSuffixes.includes(extname(name));

/** Files of PyTorch's that stand beside a model's weights: the state of what trained them. */
const besideWeights = /^(training_args|optimizer|optim|scheduler|scaler|rng_state|random_states)([-_.].*)?\.\w+$/;

/** Whether a file's name is that of weights, and not of what stands beside them. */
export const isWeightFile = (name: string): boolean =>
  extname(name) === '.safetensors' || (isTorchFile(name) && !besideWeights.test(name));

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Whether a path is a file or a folder; undefined where nothing is there. */
export async function pathKind(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw new UserError(`can't be read (${(error as NodeJS.ErrnoException).code})`, { where: path, cause: error });
  }
}

/** The tensors of a checkpoint. */
export interface Checkpoint extends TensorStore {
  readonly sharded: boolean;
  /** The format of the checkpoint's files. */
  readonly format: 'safetensors' | 'pytorch';
  /** Paths of the files that it is in. */
  readonly files: readonly string[];
}

/** The folder and the file names of a checkpoint. */
export interface Place {
  kind(path: string): Promise<'file' | 'folder' | undefined>;
  /** Names in a folder. */
  list(folder: string): Promise<string[]>;
  open(path: string): Promise<ByteSource>;
}

const disk: Place = { kind: pathKind, list: (folder) => readdir(folder), open: fileSource };

/**
 * The tensors of a safetensors file or one of PyTorch's, of a sharded checkpoint by its index, or of a folder that holds one of them; of
 * a folder with both, those in safetensors.
 * @param options.remedy for a folder that holds no weights, and where there is nothing
 * @throws UserError when there is no such checkpoint, naming the shards that are missing or damaged.
 */
export async function openTensors(
  path: string,
  { place = disk, remedy }: { place?: Place; remedy?: string | undefined } = {},
): Promise<Checkpoint> {
  const kind = await place.kind(path);
  if (!kind) {
    const similar = await nearby(place, path);
    throw new UserError('there is no such file or folder', { where: path, remedy: similar || remedy });
  }
  if (kind === 'folder') return openFolder(place, path, remedy);
  if (path.endsWith('.index.json')) return openIndex(place, path);
  if (extname(path) !== '.safetensors' && !isTorchFile(path)) throw notACheckpoint(path);
  return openSingle(place, path);
}

async function openSingle(place: Place, path: string): Promise<Checkpoint> {
  return { ...storeOf(await openFile(place, path)), sharded: false, format: formatOf(path), files: [path] };
}

const formatOf = (path: string): Checkpoint['format'] => (isTorchFile(path) ? 'pytorch' : 'safetensors');

async function openFolder(place: Place, folder: string, remedy: string | undefined): Promise<Checkpoint> {
  const files = (await place.list(folder)).sort();
  const kinds = [
    files.filter((file) => file.endsWith('.safetensors')),
    files.filter((file) => isTorchFile(file) && !besideWeights.test(file)),
  ];
  for (const [kind, tensors] of kinds.entries()) {
    const preferred = usualNames[kind]!.find((file) => tensors.includes(file));
    if (preferred) return openSingle(place, join(folder, preferred));
    const index = files.find((file) => file.endsWith(indexSuffixes[kind]!));
    if (index) return openIndex(place, join(folder, index));
    const shards = tensors.map((file) => shardName.exec(file)).filter((match) => match !== null);
    if (shards.length > 0 && shards.length === tensors.length) return openShards(place, folder, shards);
    if (tensors.length === 1) return openSingle(place, join(folder, tensors[0]!));
    if (tensors.length > 1) {
      throw new UserError(
        `holds ${tensors.length} ${kind === 0 ? 'safetensors files' : 'files of PyTorch'} and no index: ${tensors.join(', ')}`,
        { where: folder, remedy: 'Give one of the files.' },
      );
    }
  }
  throw withoutWeights(folder, files, remedy);
}

/** Of whole models and of adapters: in safetensors, and by PyTorch. */
const usualNames = [
  ['model.safetensors', 'adapter_model.safetensors'],
  ['pytorch_model.bin', 'adapter_model.bin'],
] as const;

/** Shards without an index: their names say how many there should be. */
async function openShards(place: Place, folder: string, shards: readonly RegExpExecArray[]): Promise<Checkpoint> {
  const [, stem, , count, suffix] = shards[0]!;
  const wanted = Array.from(
    { length: Number(count) },
    (_, index) => `${stem}-${String(index + 1).padStart(5, '0')}-of-${count}.${suffix}`,
  );
  const files = await openAll(place, folder, wanted, folder);
  const paths = wanted.map((name) => join(folder, name));
  return { ...joined(folder, files), sharded: true, format: formatOf(wanted[0]!), files: paths };
}

async function openIndex(place: Place, path: string): Promise<Checkpoint> {
  const source = await place.open(path);
  const text = new TextDecoder().decode(await source.read(0, source.size));
  const { weight_map: map } = parseJsonFile(path, text, indexSchema, 'the index of a sharded checkpoint');
  const folder = dirname(path);
  const outside = Object.values(map).find((file) => file !== basename(file) || ['.', '..', ''].includes(file));
  if (outside !== undefined) {
    throw new UserError(`names a shard that does not lie beside it: ${outside}`, {
      where: path,
      remedy:
        'An index and its shards belong into one folder: put the files there, and their plain names into the index.',
    });
  }
  const files = await openAll(place, folder, [...new Set(Object.values(map))].sort(), path);
  const absent = Object.entries(map).filter(([name, file]) => !files.get(file)!.names().includes(name));
  if (absent.length > 0) {
    const [name, file] = absent[0]!;
    const others = absent.length > 1 ? ` and ${absent.length - 1} more` : '';
    throw new UserError(`has no tensor "${name}"${others}, which the index says it holds`, {
      where: join(folder, file),
      remedy: 'Index and shards belong to different versions of the checkpoint: fetch them again.',
    });
  }
  const paths = [...files.keys()].map((file) => join(folder, file));
  const format = paths.some(isTorchFile) ? 'pytorch' : 'safetensors';
  return { ...joined(path, files, new Map(Object.entries(map))), sharded: true, format, files: paths };
}

/** Opens all shards. @throws UserError listing those that are missing, or naming those that are damaged. */
async function openAll(
  place: Place,
  folder: string,
  names: readonly string[],
  where: string,
): Promise<Map<string, TensorFile>> {
  const kinds = await Promise.all(names.map((name) => place.kind(join(folder, name))));
  const missing = names.filter((_, index) => kinds[index] !== 'file');
  if (missing.length > 0) {
    throw new UserError(`${missing.length} of ${names.length} shards are missing: ${missing.join(', ')}`, {
      where,
      remedy: `Fetch them into ${folder || '.'}.`,
    });
  }
  const files = new Map<string, TensorFile>();
  const damaged: string[] = [];
  for (const name of names) {
    try {
      files.set(name, await openFile(place, join(folder, name)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      damaged.push(error.message);
    }
  }
  if (damaged.length === 0) return files;
  if (damaged.length === 1) throw new UserError(damaged[0]!);
  throw new UserError(`${damaged.length} of ${names.length} shards are damaged:\n${damaged.join('\n')}`, { where });
}

async function openFile(place: Place, path: string): Promise<TensorFile> {
  const source = await place.open(path);
  const start = source.size < 200 ? new TextDecoder().decode(await source.read(0, source.size)) : '';
  if (start.startsWith('version https://git-lfs')) {
    throw new UserError('is a Git LFS pointer, not the file itself', { where: path, remedy: 'Run `git lfs pull`.' });
  }
  return isTorchFile(path) ? openTorch(source) : openSafetensors(source);
}

function storeOf(file: TensorFile): TensorStore {
  const { label, names, entry, notes = [] } = file;
  return {
    label,
    notes,
    names,
    entry,
    read: (name) => readFrom(file, name),
    readAsStored: (name) => readStoredFrom(file, name),
    rowsOf: (name) => rowsFrom(file, name),
  };
}

function joined(label: string, files: ReadonlyMap<string, TensorFile>, map?: ReadonlyMap<string, string>): TensorStore {
  const homes = new Map<string, TensorFile>();
  for (const [shard, file] of files) {
    for (const name of file.names()) if (!map || map.get(name) === shard) homes.set(name, file);
  }
  const home = (name: string) => {
    const file = homes.get(name);
    if (file) return file;
    throw new UserError(`has no tensor "${name}"`, { where: label, remedy: didYouMean(name, [...homes.keys()]) });
  };
  return {
    label,
    notes: [...files.values()].flatMap(({ notes = [] }) => notes),
    names: () => [...homes.keys()],
    entry: (name) => home(name).entry(name),
    read: (name) => readFrom(home(name), name),
    readAsStored: (name) => readStoredFrom(home(name), name),
    rowsOf: (name) => rowsFrom(home(name), name),
  };
}

const readFrom = (file: TensorFile, name: string) =>
  reading<WeightTensor>(file, name, () => (isFloat64(file.entry(name)) ? file.readFloat64(name) : file.read(name)));

const readStoredFrom = (file: TensorFile, name: string): Promise<WeightTensor | HalfTensor> =>
  file.readAsStored ? reading(file, name, () => file.readAsStored!(name)) : readFrom(file, name);

function rowsFrom(file: TensorFile, name: string): RowReader {
  const rows = rowsOfTensor(file, name);
  return { ...rows, read: (start, count) => reading(file, name, () => rows.read(start, count)) };
}

/** @throws UserError when the file changes or goes away while it is read. */
async function reading<Content>(file: TensorFile, name: string, read: () => Promise<Content>): Promise<Content> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof UserError || cause instanceof TransientError) throw cause;
    throw new UserError(`tensor "${name}" can't be read: ${messageOf(cause)}`, { where: file.label, cause });
  }
}

const checkpoints =
  'Give a .safetensors file, one of PyTorch (.pt, .pth, .bin, .ckpt), an index (model.safetensors.index.json), or a folder with one of them, with an adapter (adapter_config.json), or of a run.';

const notACheckpoint = (path: string) => new UserError('is not a checkpoint', { where: path, remedy: checkpoints });

const withoutWeights = (folder: string, files: readonly string[], remedy = checkpoints) =>
  new UserError(files.length === 0 ? 'is an empty folder' : 'holds no weights', { where: folder, remedy });

async function nearby(place: Place, path: string): Promise<string> {
  const siblings = await place.list(dirname(path)).catch(() => []);
  return didYouMean(basename(path), siblings);
}
