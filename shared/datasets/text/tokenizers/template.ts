/** What a post-processor of tokenizer.json puts around a text or a pair. */
import { BrokenInputError, UserError } from '../../../core/errors.ts';
import { asObject, type Json } from './definition.ts';

/** Ids, and places for the texts. */
export interface Template {
  readonly parts: readonly { readonly id: number | 'text' | 'pair'; readonly typeId: number }[];
  /** Special tokens in it. */
  readonly added: number;
}

type Part = Template['parts'][number];

/** The template that puts two texts one after the other. */
const plain: readonly Part[] = [
  { id: 'text', typeId: 0 },
  { id: 'pair', typeId: 1 },
];

/**
 * @param hasPair whether it is for two texts
 * @throws UserError when the post-processor is not known.
 */
export function templateOf(processor: Json | null, hasPair: boolean, where: string): Template {
  const parts = partsOf(processor, hasPair, where) ?? plain.slice(0, hasPair ? 2 : 1);
  return { parts, added: parts.filter(({ id }) => typeof id === 'number').length };
}

function partsOf(processor: Json | null, hasPair: boolean, where: string): readonly Part[] | undefined {
  switch (processor?.type) {
    case undefined:
    case 'ByteLevel':
      return undefined;
    case 'TemplateProcessing':
      return templateParts(processor, hasPair, where);
    case 'BertProcessing':
      return framed(processor, hasPair, [0, 1]);
    case 'RobertaProcessing':
      return framed(processor, hasPair, [0, 0]);
    case 'Sequence': {
      const found = (processor.processors as Json[]).flatMap((each) => partsOf(each, hasPair, where) ?? []);
      const texts = found.filter(({ id }) => id === 'text').length;
      if (texts <= 1) return found.length === 0 ? undefined : found;
    }
  }
  throw new UserError(`has a post_processor that is not known here: ${String(processor?.type)}`, {
    where,
    remedy: 'Use a tokenizer whose post_processor is one TemplateProcessing.',
  });
}

function templateParts(processor: Json, hasPair: boolean, where: string): Part[] {
  const special = asObject(processor.special_tokens);
  return ((hasPair ? processor.pair : processor.single) as Json[]).flatMap((part): Part[] => {
    if ('Sequence' in part) {
      const { id, type_id: typeId } = asObject(part.Sequence);
      return [{ id: id === 'A' ? 'text' : 'pair', typeId: Number(typeId) }];
    }
    const { id, type_id: typeId } = asObject(part.SpecialToken);
    const { ids } = asObject(special[String(id)]);
    if (!Array.isArray(ids)) throw new BrokenInputError(`has no ids of ${String(id)} in its post_processor`, { where });
    return ids.map((token) => ({ id: Number(token), typeId: Number(typeId) }));
  });
}

/** BERT's and RoBERTa's own processors: RoBERTa has two separators between the texts. */
function framed(processor: Json, hasPair: boolean, [first, second]: readonly [number, number]): Part[] {
  const [cls, sep] = [processor.cls, processor.sep].map((token) => Number((token as unknown[])[1]));
  const start: Part[] = [
    { id: cls!, typeId: first },
    { id: 'text', typeId: first },
    { id: sep!, typeId: first },
  ];
  if (!hasPair) return start;
  const between: Part[] = processor.type === 'RobertaProcessing' ? [{ id: sep!, typeId: second }] : [];
  return [...start, ...between, { id: 'pair', typeId: second }, { id: sep!, typeId: second }];
}
