/** What the Hugging Face `datasets` library notes of columns: names of classes that numbers stand for. */
import { z } from 'zod';

const featuresSchema = z.object({
  features: z.record(z.string(), z.object({ names: z.array(z.string()).min(2).optional().catch(undefined) }).catch({})),
});

/** Names of a column's classes by a description of the data set (`dataset_info.json`, or `info` in the metadata of a file); undefined: none are noted. */
export function classesNoted(info: unknown, column: string): readonly string[] | undefined {
  const read = featuresSchema.safeParse(info).data?.features;
  return read && Object.hasOwn(read, column) ? read[column]!.names : undefined;
}

/** The description in the text that stands under `huggingface` in a file's metadata. */
export function infoInMetadata(text: string | undefined): unknown {
  try {
    return (JSON.parse(text ?? 'null') as { info?: unknown } | null)?.info;
  } catch {
    return undefined;
  }
}
