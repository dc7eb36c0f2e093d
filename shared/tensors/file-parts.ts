/** The content of a large file, made part by part. */
export interface FileParts {
  /** Bytes of all parts. */
  readonly size: number;
  /** One behind the other, once; a part may change when the next one is asked for. */
  readonly parts: Iterable<Uint8Array>;
}

/** The bytes of all parts in one array. */
export function joinedParts({ size, parts }: FileParts): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
