import { crc32, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { cssGradient, divergingColors, sequentialColors } from '../../shared/reports/color-maps.ts';
import { encodePng } from '../../shared/reports/png.ts';
import { decodePng } from '../support/png.ts';

test('a PNG has the colours of its pixels, row by row, and transparent ones', () => {
  const palette = [
    [255, 0, 0],
    [0, 128, 7],
  ] as const;
  const file = encodePng(Uint8Array.of(1, 2, 0, 2, 2, 1), 3, palette);
  expect(decodePng(file)).toEqual({
    width: 3,
    height: 2,
    pixels: [[255, 0, 0], [0, 128, 7], null, [0, 128, 7], [0, 128, 7], [255, 0, 0]],
  });
});

test('a PNG is a chain of chunks with sums that fit, and rows without a filter', () => {
  const file = encodePng(Uint8Array.of(1, 1), 1, [[9, 9, 9]]);
  const chunks: [string, Buffer][] = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(file.subarray(at + 4, at + 8 + length)));
    chunks.push([file.toString('latin1', at + 4, at + 8), file.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  expect(chunks.map(([type]) => type)).toEqual(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
  expect([...inflateSync(chunks[3]![1])]).toEqual([0, 1, 0, 1]);
});

test('colour maps go from dark to bright, and from blue over nearly white to red', () => {
  expect(sequentialColors[0]).toEqual([68, 1, 84]);
  expect(sequentialColors.at(-1)).toEqual([253, 231, 37]);
  const [low, middle, high] = [divergingColors[0]!, divergingColors[64]!, divergingColors.at(-1)!];
  expect(low[2]).toBeGreaterThan(low[0]);
  expect(Math.min(...middle)).toBeGreaterThan(230);
  expect(high[0]).toBeGreaterThan(high[2]);
  expect(cssGradient(sequentialColors)).toMatch(/^linear-gradient\(to right, rgb\(68 1 84\), .*rgb\(253 231 37\)\)$/);
});
