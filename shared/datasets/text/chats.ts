/** Rows that a causal language model learns to go on with: chats, and prompts with their completions. */
import type { ColumnNames } from './column-names.ts';

/** A turn of a chat; further keys, such as `tool_calls`, are the template's. */
export interface Message {
  readonly role: string;
  readonly content: unknown;
  readonly [key: string]: unknown;
}

/** What a row has: a chat, or a prompt and what comes after it; `instruction`: they are asked and answered, as in Alpaca. */
export type Chat =
  | { readonly kind: 'messages'; readonly messages: readonly Message[] }
  | { readonly kind: 'completion'; readonly prompt: string; readonly completion: string }
  | { readonly kind: 'instruction'; readonly instruction: string; readonly input: string; readonly output: string };

type ReadChat = { readonly chat: Chat } | { readonly problem: string; readonly column: string };

/** Names of roles in ShareGPT's lists. */
const shareRoles: Readonly<Record<string, string>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bard: 'assistant',
  bing: 'assistant',
  model: 'assistant',
  assistant: 'assistant',
};

/**
 * The chat of a row, or what is wrong with it.
 * @param value the row's values by what they hold
 * @param options.needsCompletion whether nothing but what the assistant says is learnt
 */
export function chatOf(
  columns: ColumnNames,
  value: Readonly<Record<string, unknown>>,
  {
    needsCompletion,
    textProblem,
  }: { readonly needsCompletion: boolean; readonly textProblem: (value: unknown) => string | undefined },
): ReadChat {
  if (columns.messages !== undefined) {
    const messages = messagesOf(value.messages);
    if (typeof messages === 'string') return { problem: messages, column: columns.messages };
    if (needsCompletion && !messages.some(({ role }) => role === 'assistant')) {
      return { problem: 'has no message of the assistant, so nothing to learn', column: columns.messages };
    }
    return { chat: { kind: 'messages', messages } };
  }
  const [promptColumn, completionColumn] = [columns.prompt!, columns.completion!];
  const wrong = (column: string, of: unknown) => {
    const problem = Array.isArray(of)
      ? 'is a list, not text (chats go in one column, `dataset.columns.messages`)'
      : textProblem(of);
    return problem === undefined ? undefined : { problem, column };
  };
  const problem = wrong(promptColumn, value.prompt) ?? wrong(completionColumn, value.completion);
  if (problem) return problem;
  const [prompt, completion] = [value.prompt as string, value.completion as string];
  // Named as in Alpaca, the two are a question and its answer, and no text that goes on.
  const isInstruction = columns.input !== undefined || promptColumn === 'instruction';
  if (!isInstruction) return { chat: { kind: 'completion', prompt, completion } };
  const input = value.input ?? '';
  if (typeof input !== 'string') return wrong(columns.input!, input)!;
  return { chat: { kind: 'instruction', instruction: prompt, input, output: completion } };
}

/** A list of messages, or what is wrong with it. */
function messagesOf(value: unknown): readonly Message[] | string {
  if (value === undefined || value === null) return 'is missing';
  if (!Array.isArray(value)) return 'is not a list of messages';
  if (value.length === 0) return 'is an empty list';
  const messages: Message[] = [];
  for (const [place, each] of value.entries()) {
    const message = messageOf(each);
    if (typeof message === 'string') return `message ${place + 1} ${message}`;
    messages.push(message);
  }
  return messages;
}

function messageOf(value: unknown): Message | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object';
  const given = value as Record<string, unknown>;
  if (typeof given.role === 'string') {
    const { content } = given;
    const hasCalls = (content === null || content === undefined) && given.tool_calls;
    if (typeof content === 'string' || Array.isArray(content) || hasCalls)
      return { ...given, role: given.role, content };
    return `has no content that is text${content === undefined || content === null ? '' : ` (${JSON.stringify(content).slice(0, 40)})`}`;
  }
  if (typeof given.from !== 'string') return 'has neither `role` nor `from`';
  const role = Object.hasOwn(shareRoles, given.from) ? shareRoles[given.from] : undefined;
  if (role === undefined)
    return `is from ${JSON.stringify(given.from)}, which is none of ${Object.keys(shareRoles).join(', ')}`;
  return typeof given.value === 'string' ? { role, content: given.value } : 'has no `value` that is text';
}

/** A chat as one text, by which rows are told apart. */
export function textOfChat(chat: Chat): string {
  if (chat.kind === 'completion') return `${chat.prompt}${chat.completion}`;
  if (chat.kind === 'instruction') return [chat.instruction, chat.input, chat.output].filter(Boolean).join('\n');
  return chat.messages
    .map(({ role, content }) => `${role}: ${typeof content === 'string' ? content : JSON.stringify(content)}`)
    .join('\n');
}
