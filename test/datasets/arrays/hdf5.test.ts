import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { TooLargeError } from '../../../shared/core/errors.ts';
import { withArrayFile } from '../../../shared/datasets/arrays/open-arrays.ts';
import { refuseEmptyClaim } from '../../../shared/datasets/arrays/refusals.ts';
import {
  fixtureShape,
  fixtureValues,
  readWhole,
  refusalOf,
  refusalOfArray,
  selected,
  someRanges,
} from '../../support/arrays.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const types = fixturePath('arrays', 'types.hdf5');
const v73 = fixturePath('arrays', 'v73.mat');

describe('HDF5', () => {
  it.each([
    'bool',
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'int64',
    'uint64',
    'float16',
    'float32',
    'float64',
    'int16_be',
    'int64_be',
    'float16_be',
    'float32_be',
    'float64_be',
  ])('reads %s', async (name) => {
    const type = name.replace('_be', '');
    await withArrayFile(types, async (file) => {
      const array = file.array(name);
      expect([array.shape, array.type]).toEqual([fixtureShape, type]);
      expect(await readWhole(array)).toEqual(fixtureValues(type));
      expect([...(await array.read(someRanges))]).toEqual(selected(fixtureValues(type), fixtureShape, someRanges));
    });
  });

  it.each(['gzip', 'scaleoffset', '0001/data'])('reads %s', async (name) => {
    const type = name === 'scaleoffset' ? 'int32' : 'float32';
    expect(await withArrayFile(types, (file) => readWhole(file.array(name)))).toEqual(fixtureValues(type));
  });

  it('gives the fill value of what was never written, and a number without axes', async () => {
    await withArrayFile(types, async (file) => {
      const values = await readWhole(file.array('unwritten'));
      expect(values).toEqual([...fixtureValues('float32').slice(0, 20), ...Array(40).fill(7)]);
      expect(await readWhole(file.array('scalar'))).toEqual([2.5]);
    });
  });

  it('lists arrays of numbers alone', async () => {
    const names = await withArrayFile(types, (file) => file.names());
    expect(names).toEqual(
      expect.arrayContaining(['0001/data', 'bool', 'float16', 'gzip', 'lzf', 'scalar', 'unwritten']),
    );
    for (const other of ['text', 'complex', 'records', 'nothing', 'dangling', '0001', 'virtual']) {
      expect(names).not.toContain(other);
    }
  });

  it.each([
    ['text', "doesn't hold numbers: it is a text"],
    ['complex', 'records or complex numbers'],
    ['records', 'records or complex numbers'],
    ['nothing', 'a null dataspace'],
    ['virtual', 'a virtual dataset'],
    ['lzf', 'compressed by LZF'],
    ['0001', 'has no array "0001"'],
    ['float33', 'did you mean "float32"?'],
  ])('refuses %s in plain words', async (name, words) => {
    expect(await refusalOfArray(types, name)).toContain(words);
  });

  it('gives attributes of the file, of groups and of arrays', async () => {
    await withArrayFile(types, (file) => {
      expect(file.attributes()).toEqual({ grid_type: 'cartesian', n_spatial_dims: 2 });
      expect(file.attributes('0001')).toEqual({ nu: 0.5 });
      expect(file.attributes('0001/data')).toEqual({
        time_varying: true,
        dim_varying: [true, false],
        fields: ['u', 'v'],
      });
      expect(file.attributes('nowhere')).toEqual({});
    });
  });

  it('gives up on a library that does not answer, and reads the next file', async () => {
    // The thread that runs already is taken: the one within has to start another.
    const within = () => refusalOf(withArrayFile(types, () => 0, { patience: 0 }));
    expect(await withArrayFile(types, within)).toContain('no answer within 0 s');
    expect(await withArrayFile(types, (file) => readWhole(file.array('scalar')))).toEqual([2.5]);
  });

  it('lists a file again when it was written anew', async () => {
    const path = join(await temporaryFolder(), 'changed.hdf5');
    const namesOf = () => withArrayFile(path, (file) => file.names());
    await copyFile(types, path);
    expect(await namesOf()).toContain('scalar');
    await copyFile(v73, path);
    expect(await namesOf()).toEqual(['a', 'b', 's']);
  });

  it('reads several files at a time, and blocks that are asked for at once', async () => {
    const read = (name: string) =>
      withArrayFile(types, (file) => Promise.all([1, 2].map(() => readWhole(file.array(name)))));
    const [bools, floats] = await Promise.all([read('bool'), read('float32')]);
    expect(bools).toEqual([fixtureValues('bool'), fixtureValues('bool')]);
    expect(floats).toEqual([fixtureValues('float32'), fixtureValues('float32')]);
  });

  it('refuses packed chunks that do not fit into memory', async () => {
    vi.stubEnv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', '0.0001');
    const read = withArrayFile(types, (file) => readWhole(file.array('gzip')));
    const error = await read.catch((thrown: unknown) => thrown).finally(() => vi.unstubAllEnvs());
    expect(error).toBeInstanceOf(TooLargeError);
    expect((error as Error).message).toMatch(
      /array "gzip" is packed in chunks \[.*\] of 80 bytes, which are unpacked whole/,
    );
  });

  it('tells that an array claims more than its file holds', async () => {
    await withArrayFile(fixturePath('arrays', 'claims_823_GB.hdf5'), (file) => {
      const array = file.array('tensor');
      expect(array.shape).toEqual([1_000_000, 201, 1024]);
      expect(array.storedBytes).toBe(6952);
      expect(() => refuseEmptyClaim(file.path, array)).toThrow(/claims 823\.3 GB .*, and the file has 7\.0 kB for it/);
      expect(() => refuseEmptyClaim(file.path, file.array('x-coordinate'))).not.toThrow();
    });
  });
});

describe('MATLAB v7.3', () => {
  it('has the axes that MATLAB shows', async () => {
    await withArrayFile(v73, async (file) => {
      expect(file.names()).toEqual(['a', 'b', 's']);
      for (const [name, type] of [
        ['a', 'float64'],
        ['s', 'float32'],
        ['b', 'bool'],
      ] as const) {
        const array = file.array(name);
        expect(array.shape).toEqual(fixtureShape);
        expect(array.columnMajor).toBe(true);
        expect(await readWhole(array)).toEqual(fixtureValues(type));
        expect([...(await array.read(someRanges))]).toEqual(selected(fixtureValues(type), fixtureShape, someRanges));
      }
    });
  });

  it.each([
    ['text', 'a text (char)'],
    ['none', 'empty'],
  ])('refuses %s by name', async (name, words) => {
    expect(await refusalOfArray(v73, name)).toContain(words);
  });
});
