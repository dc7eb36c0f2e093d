/** What the Hugging Face `datasets` library notes of columns: names of classes that numbers stand for. */
import { z } from 'zod';

const names = () => z.array(z.string()).min(2).optional().catch(undefined);
const named = z.object({ names: names() }).optional().catch(undefined);
const featuresSchema = z.object({
  features: z.record(z.string(), z.object({ names: names(), feature: named }).catch({})),
});

/**
 * Names of a column's classes by a description of the data set (`dataset_info.json`, or `info` in the metadata of a file); undefined: none are noted.
 * @param inLists whether the column has lists of numbers, each of which is that of a class
 */
export function classesNoted(info: unknown, column: string, inLists: boolean): readonly string[] | undefined {
  const read = featuresSchema.safeParse(info).data?.features;
  if (!read || !Object.hasOwn(read, column)) return undefined;
  const { names, feature } = read[column]!;
  return inLists ? feature?.names : names;
}

/** The description in the text that stands under `huggingface` in a file's metadata. */
export function infoInMetadata(text: string | undefined): unknown {
  try {
    return (JSON.parse(text ?? 'null') as { info?: unknown } | null)?.info;
  } catch {
    return undefined;
  }
}
