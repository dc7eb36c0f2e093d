import { inflateSync } from 'node:zlib';

/** What a PNG with a palette shows: red, green and blue of every pixel, row by row; null for a transparent one. */
export function decodePng(file: Buffer): { width: number; height: number; pixels: (number[] | null)[] } {
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    chunks.set(file.toString('latin1', at + 4, at + 8), file.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const header = chunks.get('IHDR')!;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(chunks.get('IDAT')!);
  const [palette, alpha] = [chunks.get('PLTE')!, chunks.get('tRNS')!];
  const pixels = Array.from({ length: width * height }, (_, pixel) => {
    const color = rows[Math.floor(pixel / width) * (width + 1) + 1 + (pixel % width)]!;
    return (alpha[color] ?? 255) === 0 ? null : [...palette.subarray(3 * color, 3 * color + 3)];
  });
  return { width, height, pixels };
}
