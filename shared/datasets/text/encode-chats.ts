/** Chats, and prompts with completions, as tokens, with those that are learnt. */
import { UserError } from '../../core/errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { Chat, Message } from './chats.ts';
import type { ChatProblem } from './source.ts';
import { spokenIn } from './spoken.ts';
import { listRows, rowInWords, type TextRows } from './text-rows.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Rows of tokens for a causal language model; every list has an entry for each row. */
export interface EncodedChats {
  readonly ids: readonly Int32Array[];
  /** 1 for tokens that are learnt, 0 for those that only go before. */
  readonly learnt: readonly Uint8Array[];
  /** The number of rows that were cut. */
  readonly truncated: number;
  readonly warnings: readonly string[];
}

interface Options {
  readonly tokenizer: TextTokenizer;
  /** Absent: the folder has none. */
  readonly template: ChatTemplate | undefined;
  /** Whether all tokens are learnt. */
  readonly learnsAll: boolean;
  /** The most tokens of a row; more are cut off at its end. */
  readonly maxTokens: number;
  /** The number of rows in the model's table of tokens. */
  readonly vocabulary: number;
  /** The path of the data, for messages. */
  readonly path: string;
}

/** A row before it is turned into tokens. */
interface Prepared {
  readonly text: string;
  /** The parts of it that are learnt, in UTF-16 units. */
  readonly spans: readonly (readonly [start: number, end: number])[];
  /** Whether special tokens stand around it: a template has written its own. */
  readonly isPlain: boolean;
}

/** @throws UserError when chats need a template and there is none, one does not fit it, or nothing is left to learn. */
export async function encodeChats(rows: TextRows, options: Options): Promise<EncodedChats> {
  const { tokenizer, learnsAll, maxTokens, path } = options;
  const prepared = rows.chats!.map((chat, index) => prepare(chat, rows, index, options));
  const encoded = await tokenizer.encodeParts(prepared, { rows: options.vocabulary });
  const ids: Int32Array[] = [];
  const learnt: Uint8Array[] = [];
  const empty: number[] = [];
  let truncated = 0;
  for (const [index, { ids: row, parts }] of encoded.entries()) {
    const { isPlain } = prepared[index]!;
    const { eos } = tokenizer.special;
    if (isPlain && eos === undefined) throw noEnd();
    const whole = isPlain && row.at(-1) !== eos ? Int32Array.of(...row, eos!) : row;
    const mask = new Uint8Array(whole.length);
    if (learnsAll) mask.fill(1);
    for (const [from, to] of parts) mask.fill(1, from, to);
    if (isPlain) mask.fill(1, row.length);
    if (whole.length > maxTokens) truncated++;
    const kept = mask.subarray(0, maxTokens);
    // The first token of a row is not predicted.
    if (kept.indexOf(1, 1) < 0) {
      empty.push(rows.rows[index]!);
      continue;
    }
    ids.push(whole.subarray(0, maxTokens));
    learnt.push(kept);
  }
  if (ids.length === 0) {
    throw new UserError(`no row has anything to learn within ${maxTokens} tokens`, {
      where: path,
      remedy: 'Set `model.maxTokens` higher, or use shorter prompts.',
    });
  }
  const leftOut = `${empty.length === 1 ? 'row has' : 'rows have'} nothing to learn within ${maxTokens} tokens, and ${empty.length === 1 ? 'is' : 'are'} left out`;
  const warnings = empty.length > 0 ? [`${empty.length} ${leftOut}: ${listRows(rows.unit, empty)}`] : [];
  return { ids, learnt, truncated, warnings };
}

const noEnd = () =>
  new UserError('the tokenizer has no token that ends a text', {
    where: 'tokenizer_config.json',
    remedy: 'Set `eos_token` in it.',
  });

/** Says of a chat why its template can't write it, or what is learnt of it can't be told; nothing where there is none. */
export function chatProblem({ template, learnsAll }: Pick<Options, 'template' | 'learnsAll'>): ChatProblem {
  return (chat) => {
    if (!template || chat.kind === 'completion') return undefined;
    const written = writtenBy(template, chat, learnsAll);
    if (!('problem' in written)) return undefined;
    const isWritable = !learnsAll && !('problem' in writtenBy(template, chat, true));
    return isWritable ? `${written.problem}; \`dataset.lossOn: all\` learns all of a chat` : written.problem;
  };
}

function writtenBy(template: ChatTemplate, chat: Exclude<Chat, { kind: 'completion' }>, learnsAll: boolean) {
  const messages = chat.kind === 'messages' ? chat.messages : asMessages(chat);
  return learnsAll ? renderedWhole(template, messages) : spokenIn(template, messages);
}

function prepare(chat: Chat, rows: TextRows, index: number, { template, learnsAll, path }: Options): Prepared {
  if (chat.kind === 'completion') return continued(chat.prompt, chat.completion);
  if (chat.kind === 'instruction' && !template) return continued(askedAsAlpaca(chat), chat.output);
  if (!template) {
    throw new UserError('the folder has no chat template, and chats are written by one', {
      where: path,
      remedy:
        'Put chat_template.jinja into the folder of the model, or give `prompt` and `completion` instead of `messages`.',
    });
  }
  const spoken = writtenBy(template, chat, learnsAll);
  if (!('problem' in spoken)) return { ...spoken, isPlain: false };
  throw new UserError(`${rowInWords(rows.unit, rows.rows[index]!)} ${spoken.problem}`, {
    where: path,
    remedy: learnsAll
      ? 'Mend the row, or take the template that belongs to the model.'
      : 'Mend the row, take a template that marks it, or learn all of the chats: `dataset.lossOn: all`.',
  });
}

function renderedWhole(template: ChatTemplate, messages: readonly Message[]): ReturnType<typeof spokenIn> {
  try {
    return { text: template.render(messages).text, spans: [] };
  } catch (cause) {
    return { problem: `does not fit the chat template: ${(cause as Error).message}` };
  }
}

const continued = (prompt: string, completion: string): Prepared => ({
  text: prompt + completion,
  spans: [[prompt.length, prompt.length + completion.length]],
  isPlain: true,
});

type Instruction = Extract<Chat, { kind: 'instruction' }>;

const asMessages = ({ instruction, input, output }: Instruction): Message[] => [
  { role: 'user', content: input === '' ? instruction : `${instruction}\n\n${input}` },
  { role: 'assistant', content: output },
];

/** The prompt of Taori et al., Stanford Alpaca (2023). */
function askedAsAlpaca({ instruction, input }: Instruction): string {
  const task = 'Below is an instruction that describes a task';
  const asked = 'Write a response that appropriately completes the request.';
  return input === ''
    ? `${task}. ${asked}\n\n### Instruction:\n${instruction}\n\n### Response:\n`
    : `${task}, paired with an input that provides further context. ${asked}\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`;
}
