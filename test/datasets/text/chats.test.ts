import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChatTemplate, openChatTemplate } from '../../../shared/datasets/text/chat-template.ts';
import type { Chat, Message } from '../../../shared/datasets/text/chats.ts';
import { chatProblem, encodeChats } from '../../../shared/datasets/text/encode-chats.ts';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import { spokenIn } from '../../../shared/datasets/text/spoken.ts';
import { openTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

interface Golden {
  name: string;
  template: string;
  messages: Message[];
  text: string;
  prompt: string;
  ids: number[];
  mask?: number[];
}
const golden = JSON.parse(readFileSync(fixturePath('chats', 'expected.json'), 'utf8')) as Golden[];
const tokenizer = await openTokenizer(fixturePath('tokenizers', 'byte-bpe-gpt2'));
const end = '<|endoftext|>';
const special = { bos_token: end, eos_token: end };
const templateOf = (source: string) => new ChatTemplate(source, special, 'chat_template.jinja');
const file = scratchFolder();

const encode = (chats: readonly Chat[], options: object = {}) =>
  encodeChats(
    { kind: 'text', texts: chats.map(() => ''), chats, rows: chats.map((_, index) => index + 1), unit: 'line' },
    {
      tokenizer,
      template: undefined,
      learnsAll: false,
      maxTokens: 1000,
      vocabulary: 700,
      path: 'chats.jsonl',
      ...options,
    },
  );
/** The texts of the tokens that are learnt, and of those that are not, in turns. */
const learntIn = async ({ ids, learnt }: Awaited<ReturnType<typeof encode>>, row = 0): Promise<string[]> => {
  const parts: number[][] = [];
  let before: number | undefined;
  for (const [at, id] of ids[row]!.entries()) {
    if (learnt[row]![at] !== before) parts.push([]);
    before = learnt[row]![at]!;
    parts.at(-1)!.push(id);
  }
  return Promise.all(parts.map((part) => tokenizer.decode(part)));
};

describe.each(golden.map((each, index) => [`${each.name} ${index % 2}`, each] as const))(
  'a chat by the template %s',
  (_, each) => {
    it('is the text of apply_chat_template, also where the assistant is to go on', () => {
      const template = templateOf(each.template);
      expect(template.render(each.messages).text).toBe(each.text);
      expect(template.render(each.messages.slice(0, -1), { asksForMore: true }).text).toBe(each.prompt);
    });

    it('has its tokens and, where the template marks them, the mask of what the assistant says', async () => {
      const { ids, learnt } = await encode([{ kind: 'messages', messages: each.messages }], {
        template: templateOf(each.template),
      });
      expect([...ids[0]!]).toEqual(each.ids);
      if (each.mask) expect([...learnt[0]!]).toEqual(each.mask);
      else expect(learnt[0]!.includes(1)).toBe(true);
    });
  },
);

const messages: Message[] = [
  { role: 'user', content: 'who?' },
  { role: 'assistant', content: 'me' },
  { role: 'user', content: 'where?' },
  { role: 'assistant', content: 'here' },
];

describe('what the assistant says', () => {
  it('is what comes to the text with its messages, where the template does not mark it', () => {
    const { template } = golden.find(({ name }) => name === 'plain')!;
    const spoken = spokenIn(templateOf(template), messages);
    if ('problem' in spoken) throw new Error(spoken.problem);
    expect(spoken.spans.map(([from, to]) => spoken.text.slice(from, to))).toEqual([` me${end}`, ` here${end}`]);
  });

  it('is all there is to learn, unless all is learnt; the end of a long chat is cut', async () => {
    const template = templateOf(golden[0]!.template);
    const chat: Chat = { kind: 'messages', messages };
    expect((await learntIn(await encode([chat], { template }))).filter((_, place) => place % 2 === 1)).toEqual([
      'me<|im_end|>',
      'here<|im_end|>',
    ]);
    const all = await encode([chat], { template, learnsAll: true });
    expect(all.learnt[0]!.every((one) => one === 1)).toBe(true);
    const cut = await encode([chat], { template, maxTokens: 70 });
    expect([cut.ids[0]!.length, cut.learnt[0]!.length, cut.truncated]).toEqual([70, 70, 1]);
  });

  it('is refused where it can not be told, with the reason and the row', async () => {
    const last = "{% for m in messages %}{{ '(last) ' if loop.last }}{{ m.content }}{% endfor %}";
    const chat: Chat = { kind: 'messages', messages };
    const { message } = await refusalOf(encode([chat], { template: templateOf(last) }));
    expect(message).toContain(
      "chats.jsonl: line 1 message 2 has another text where the chat goes on, so that what the assistant says can't be told",
    );
    expect(message).toContain('`dataset.lossOn: all`');
    expect((await encode([chat], { template: templateOf(last), learnsAll: true })).ids).toHaveLength(1);
    const { template } = golden.find(({ name }) => name === 'plain')!;
    const twice: Chat = { kind: 'messages', messages: [messages[0]!, ...messages] };
    expect((await refusalOf(encode([twice], { template: templateOf(template) }))).message).toContain(
      'line 1 does not fit the chat template: roles must alternate',
    );
    expect((await refusalOf(encode([chat]))).message).toContain('the folder has no chat template');
    expect(() => templateOf('{% if x %}')).toThrow("has a chat template that can't be read");
  });
});

describe('a prompt and its completion', () => {
  it('are one text with the end, of which the completion is learnt', async () => {
    const encoded = await encode([{ kind: 'completion', prompt: 'Say hello:', completion: ' good day' }]);
    const whole = await tokenizer.encode(['Say hello: good day']);
    expect([...encoded.ids[0]!]).toEqual([...whole.ids[0]!, tokenizer.special.eos!]);
    expect(encoded.learnt[0]!.at(-1)).toBe(1);
    expect((await learntIn(encoded)).at(-1)).toBe(' good day');
  });

  it('are those of Alpaca, or a chat where there is a template', async () => {
    const row: Chat = { kind: 'instruction', instruction: 'Sum up.', input: 'A long film.', output: 'Long.' };
    const [prompt, answer] = await learntIn(await encode([row]));
    expect(prompt).toMatch(/^Below is an instruction .*paired with .*### Input:\nA long film\.\n\n### Response:\n$/s);
    expect(answer).toBe('Long.');
    const short = await learntIn(await encode([{ ...row, input: '' }]));
    expect(short[0]).toMatch(/^Below is an instruction that describes a task\. Write .*Sum up\.\n\n### Response:\n$/s);
    const template = templateOf(golden[0]!.template);
    expect((await learntIn(await encode([row], { template })))[0]).toContain('Sum up.\n\nA long film.<|im_end|>');
  });

  it('are left out, and counted, where the prompt takes all the room', async () => {
    const rows: Chat[] = ['short', 'a very much longer prompt than there is room for'].map((prompt) => ({
      kind: 'completion',
      prompt,
      completion: 'yes',
    }));
    const { ids, warnings } = await encode(rows, { maxTokens: 8 });
    expect(ids).toHaveLength(1);
    expect(warnings).toEqual(['1 row has nothing to learn within 8 tokens, and is left out: line 2']);
    expect((await refusalOf(encode(rows.slice(1), { maxTokens: 8 }))).message).toContain(
      'no row has anything to learn within 8 tokens',
    );
  });
});

describe('a data set of chats', () => {
  const open = async (rows: object[], settings: object = {}, context: object = {}) => {
    const path = await file('chats.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const config = textDatasetSchema.parse({ format: 'jsonl', path, ...settings, columns: { label: false } });
    return openTextDataset(config, path, { seed: 1, chats: true, ...context });
  };

  it('has rows that the template can not write named, all at once, or left out', async () => {
    const alternating = templateOf(golden.find(({ name }) => name === 'plain')!.template);
    const changing = templateOf("{% for m in messages %}{{ '(last) ' if loop.last }}{{ m.content }}{% endfor %}");
    const by = (template: ChatTemplate, learnsAll = false) => ({
      chatProblems: async () => chatProblem({ template, learnsAll }),
    });
    const rows = [{ messages }, { messages: [messages[0], ...messages] }, { messages: [] }];
    const { message } = await refusalOf(open(rows, {}, by(alternating)));
    expect(message).toContain(`2 of 3 rows can't be used:
  line 2, "messages": does not fit the chat template: roles must alternate
  line 3, "messages": is an empty list`);
    const { examples, skipped } = await open(rows, { skipBadRows: true }, by(alternating));
    expect(examples.rows).toEqual([1]);
    expect(skipped!.training).toMatchObject({ count: 2, of: 3 });
    expect((await refusalOf(open(rows, { skipBadRows: 1 }, by(alternating)))).message).toContain('at most 1:');
    const untold = await refusalOf(open([{ messages }], {}, by(changing)));
    expect(untold.message).toMatch(/line 1, "messages": message 2 has .*; `dataset\.lossOn: all` learns all of a chat/);
    expect((await open([{ messages }], { lossOn: 'all' }, by(changing, true))).examples.rows).toEqual([1]);
    const plain = [{ prompt: 'a', completion: 'b' }];
    expect((await open(plain, {}, by(alternating))).examples.rows).toEqual([1]);
  });

  it('has messages as they are, or as in ShareGPT', async () => {
    const { examples, warnings } = await open([{ messages }]);
    expect(examples.chats).toEqual([{ kind: 'messages', messages }]);
    expect(warnings).toEqual(['messages are taken from "messages", by the names of the columns (dataset.columns)']);
    const shared = [
      { from: 'human', value: 'who?' },
      { from: 'gpt', value: 'me' },
    ];
    expect((await open([{ conversations: shared }])).examples.chats).toEqual([
      { kind: 'messages', messages: messages.slice(0, 2) },
    ]);
  });

  it('has bad rows named by line', async () => {
    const bad = [
      'text',
      [],
      [{ role: 'user', content: 'who?' }],
      [messages[0], { role: 'assistant', content: 3 }],
      [{ from: 'robot', value: 'x' }],
      [{ content: 'x' }],
      [7],
    ];
    const { message } = await refusalOf(open([{ messages }, ...bad.map((each) => ({ messages: each }))]));
    expect(message.split('\n').slice(1, -1)).toEqual([
      '  line 2, "messages": is not a list of messages',
      '  line 3, "messages": is an empty list',
      '  line 4, "messages": has no message of the assistant, so nothing to learn',
      '  line 5, "messages": message 2 has no content that is text (3)',
      '  line 6, "messages": message 1 is from "robot", which is none of system, human, user, gpt, chatgpt, bard, bing, model, assistant',
      '  line 7, "messages": message 1 has neither `role` nor `from`',
      '  line 8, "messages": message 1 is not an object',
    ]);
    expect((await open([{ messages: bad[2] }], { lossOn: 'all' })).examples.chats).toHaveLength(1);
    const pairs = await refusalOf(
      open([
        { prompt: [messages[0]], completion: 'x' },
        { prompt: 'x', completion: '' },
      ]),
    );
    expect(pairs.message).toContain('line 1, "prompt": is a list, not text (chats go in one column');
    expect(pairs.message).toContain('line 2, "completion": is empty');
  });
});

it('takes the template of chat_template.jinja, or of tokenizer_config.json', async () => {
  const path = await file(
    'chat_template.jinja',
    '{{ messages[0].content }}{{ eos_token }}{{ strftime_now("%d %b %Y") }}',
  );
  const folder = path.replace(/\/[^/]*$/, '');
  const template = await openChatTemplate(folder, tokenizer);
  expect(template!.render(messages).text).toBe(`who?${end}26 Jul 2024`);
  expect(template!.hasDate).toBe(true);
  expect(await openChatTemplate(fixturePath('tokenizers', 'byte-bpe-gpt2'), tokenizer)).toBeUndefined();
});

it('does not take a template that can not be read for none', async () => {
  const folder = join(dirname(await file('config.json', '{}')), 'unreadable');
  await mkdir(join(folder, 'chat_template.jinja'), { recursive: true });
  const refusal = await refusalOf(openChatTemplate(folder, tokenizer));
  expect(refusal.message).toContain("can't be read (EISDIR)");
});
