/**
 * Lengths of a text, or of a text and its pair, that fit into `room` together: the longer one is cut first, as Hugging Face's
 * strategy `longest_first` does. Where both are cut, an odd token is of the longer one.
 */
export function truncatedLengths(lengths: readonly [number] | readonly [number, number], room: number): number[] {
  const [text, pair] = lengths;
  if (pair === undefined) return [Math.min(text, room)];
  if (text + pair <= room) return [text, pair];
  const shorter = Math.min(text, pair);
  const half = Math.floor(room / 2);
  const [short, long] = shorter <= half ? [shorter, room - shorter] : [half, room - half];
  return text <= pair ? [short, long] : [long, short];
}
