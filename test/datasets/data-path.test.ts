import { expect, it } from 'vitest';
import { mapPath, mapPathAsync, namesInWords, onePath } from '../../shared/datasets/data-path.ts';

it('one path stays one and a list stays a list', async () => {
  const moved = (path: string) => `/data/${path}`;
  expect(mapPath('a', moved)).toBe('/data/a');
  expect(mapPath(['a', 'b'], moved)).toEqual(['/data/a', '/data/b']);
  expect(await mapPathAsync(['a', 'b'], async (path) => moved(path))).toEqual(['/data/a', '/data/b']);
  expect(namesInWords(['/data/a.h5', '/data/b.h5'])).toBe('a.h5, b.h5');
});

it('several files are refused by what takes one alone, by name', () => {
  expect(onePath('a.h5', 'a deployed run')).toBe('a.h5');
  expect(onePath(['a.h5'], 'a deployed run')).toBe('a.h5');
  expect(() => onePath(['a.h5', 'b.h5'], 'a deployed run')).toThrow(
    /^a\.h5, b\.h5: a deployed run takes one file of data, and dataset\.path lists 2\n/,
  );
});
