import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hdf5Places } from '../../../shared/datasets/arrays/hdf5-header.ts';
import { lookup3 } from '../../../shared/datasets/arrays/lookup3.ts';
import { npyHeader, onlyArrayName } from '../../../shared/datasets/arrays/npy.ts';
import { withArrayFile } from '../../../shared/datasets/arrays/open-arrays.ts';
import { readWhole } from '../../support/arrays.ts';
import { temporaryFolder } from '../../support/small-run.ts';

describe('HDF5 that is laid out before its numbers are written', () => {
  it('is read by the HDF5 library, with arrays and attributes', async () => {
    const path = join(await temporaryFolder(), 'laid-out.h5');
    const { header, starts, bytes } = hdf5Places(
      {
        row: { shape: [3], type: 'int32' },
        tensor: { shape: [2, 3, 4], type: 'float32', attributes: { channels: ['density', 'Größe'] } },
      },
      { run: 'flow', epoch: 12, nothing: '' },
    );
    const content = new Uint8Array(bytes);
    content.set(header);
    const values = Array.from({ length: 24 }, (_, index) => (index - 7) / 4);
    content.set(new Uint8Array(Int32Array.of(5, -9, 70_000).buffer), starts.get('row')!);
    content.set(new Uint8Array(Float32Array.from(values).buffer), starts.get('tensor')!);
    await writeFile(path, content);
    await withArrayFile(path, async (file) => {
      expect(file.format).toBe('HDF5');
      expect([...file.names()].toSorted()).toEqual(['row', 'tensor']);
      expect(file.array('tensor')).toMatchObject({ shape: [2, 3, 4], type: 'float32' });
      expect(await readWhole(file.array('tensor'))).toEqual(values);
      expect(await readWhole(file.array('row'))).toEqual([5, -9, 70_000]);
      expect(file.attributes()).toEqual({ run: 'flow', epoch: 12, nothing: '' });
      expect(file.attributes('tensor')).toEqual({ channels: ['density', 'Größe'] });
    });
  });

  it('knows its size where it is far above memory', () => {
    const { starts, bytes } = hdf5Places({ tensor: { shape: [100_000, 1000, 64, 64], type: 'float32' } });
    expect(bytes).toBe(starts.get('tensor')! + 4 * 100_000 * 1000 * 64 * 64);
  });
});

it.each([
  ['', 0xdeadbeef],
  // The value in Bob Jenkins' own driver.
  ['Four score and seven years ago', 0x17770551],
])('the checksum of "%s" is that of lookup3', (text, sum) => {
  expect(lookup3(new TextEncoder().encode(text))).toBe(sum);
});

it.each([[[6]], [[2, 3]], [[1, 2, 1, 3, 1]]])('the header of a .npy of shape %j is read', async (shape) => {
  const path = join(await temporaryFolder(), 'written.npy');
  const header = npyHeader(shape);
  expect(header.length % 64).toBe(0);
  const values = [0.5, -1, 2, 3, 4, 1e-3].map(Math.fround);
  await writeFile(path, Buffer.concat([header, new Uint8Array(Float32Array.from(values).buffer)]));
  await withArrayFile(path, async (file) => {
    expect(file.array(onlyArrayName)).toMatchObject({ shape, type: 'float32' });
    expect(await readWhole(file.array(onlyArrayName))).toEqual(values);
  });
});
