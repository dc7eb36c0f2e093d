/** Chats as one text, by the template of a model's folder: what `apply_chat_template` of transformers gives. */
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { BrokenInputError, messageOf, UserError } from '../../core/errors.ts';
import { readIfPresent } from '../../core/optional-file.ts';
import type { Message } from './chats.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Stand around what the assistant says where a template marks it; private characters, which no text has. */
const [markStart, markEnd] = ['\u{F0000}', '\u{F0001}'];

/** A chat as a text, and the parts of it that the assistant says. */
export interface RenderedChat {
  readonly text: string;
  /** In UTF-16 units; undefined: the template does not mark them. */
  readonly spans?: readonly (readonly [start: number, end: number])[];
}

const templateFile = 'chat_template.jinja';
const configFile = 'tokenizer_config.json';

/** A template may write the day's date; this one is taken on any day, as Llama's templates do where none is known. */
const fixedDate = { d: '26', m: '07', b: 'Jul', B: 'July', y: '24', Y: '2024', a: 'Fri', A: 'Friday' } as const;

/** Jinja's package has a function of the clock under the name that templates use. */
const dayName = 'date_of_any_day';

export class ChatTemplate {
  /** Whether it marks what the assistant says (`{% generation %}`). */
  readonly marks: boolean;
  /** Whether it writes the day's date. */
  readonly hasDate: boolean;
  readonly #template: Template;
  readonly #special: Readonly<Record<string, string>>;
  readonly where: string;

  /** @throws UserError when the source is no template. */
  constructor(source: string, special: Readonly<Record<string, string>>, where: string) {
    this.marks = /{%[-+]?\s*generation\s*[-+]?%}/.test(source);
    this.hasDate = source.includes('strftime_now');
    this.#special = special;
    this.where = where;
    try {
      this.#template = new Template(withMarks(source).replaceAll('strftime_now', dayName));
    } catch (cause) {
      throw new UserError(`has a chat template that can't be read: ${messageOf(cause)}`, {
        where,
        remedy: 'Take the template that belongs to the model, or give the chats as `prompt` and `completion`.',
        cause,
      });
    }
  }

  /**
   * @param options.asksForMore whether it ends where the assistant begins to speak (`add_generation_prompt`)
   * @throws Error what the template or Jinja says against the chat.
   */
  render(messages: readonly Message[], { asksForMore = false } = {}): RenderedChat {
    const marked = this.#template.render({
      ...this.#special,
      messages,
      tools: null,
      documents: null,
      add_generation_prompt: asksForMore,
      [dayName]: dateOf,
    }) as string;
    return this.marks ? withoutMarks(marked) : { text: marked };
  }
}

function dateOf(form: unknown): string {
  return String(form).replaceAll(/%-?([A-Za-z])/g, (code, letter: string) => {
    const part = Object.hasOwn(fixedDate, letter) ? fixedDate[letter as keyof typeof fixedDate] : undefined;
    if (part === undefined) throw new Error(`strftime_now with ${code} is not supported`);
    return part;
  });
}

/** The source with marks in place of the tags of what the assistant says; a tag at each side keeps the rules of white space. */
function withMarks(source: string): string {
  return source.replaceAll(/{%([-+]?)\s*(end)?generation\s*([-+]?)%}/g, (_, before, end, after) => {
    const mark = `{{ '${end ? markEnd : markStart}' }}`;
    return `{%${before} set generation_mark = 0 %}${mark}{% set generation_mark = 0 ${after}%}`;
  });
}

function withoutMarks(marked: string): RenderedChat {
  const spans: [number, number][] = [];
  let text = '';
  let start: number | undefined;
  for (const part of marked.split(new RegExp(`(${markStart}|${markEnd})`, 'u'))) {
    if (part === markStart) start = text.length;
    else if (part !== markEnd) text += part;
    else if (start !== undefined) {
      spans.push([start, text.length]);
      start = undefined;
    }
  }
  return { text, spans };
}

/** The text of a template: a string, or of several by name the one called `default`. */
function sourceOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.find((each: unknown) => (each as { name?: unknown } | null)?.name === 'default') as
    | { template?: unknown }
    | undefined;
  return typeof named?.template === 'string' ? named.template : undefined;
}

/**
 * The chat template in a folder: chat_template.jinja, or that of tokenizer_config.json; undefined: there is none.
 * @throws UserError when it can't be read.
 */
export async function openChatTemplate(folder: string, tokenizer: TextTokenizer): Promise<ChatTemplate | undefined> {
  const text = (name: string) => readIfPresent(join(folder, name), 'Check the folder of the model.');
  const own = await text(templateFile);
  const config = own === undefined ? await text(configFile) : undefined;
  const source = own ?? (config === undefined ? undefined : sourceOf(templateIn(config, join(folder, configFile))));
  if (source === undefined) return undefined;
  const special = Object.entries(tokenizer.special).flatMap(([kind, id]) => {
    const token = tokenizer.tokenOf(id);
    return token === undefined ? [] : [[`${kind}_token`, token] as const];
  });
  return new ChatTemplate(
    source,
    Object.fromEntries(special),
    join(folder, own === undefined ? configFile : templateFile),
  );
}

function templateIn(config: string, where: string): unknown {
  try {
    return (JSON.parse(config) as { chat_template?: unknown }).chat_template;
  } catch (cause) {
    throw new BrokenInputError(`is not JSON: ${messageOf(cause)}`, {
      where,
      remedy: 'Fetch or write the file again.',
      cause,
    });
  }
}
