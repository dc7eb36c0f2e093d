import { describe, expect, it } from 'vitest';
import { chooseColumns } from '../../../shared/datasets/text/columns.ts';
import { refusalOf } from '../../support/text.ts';

const choose = (present: string, named: object = {}, context: object = {}) =>
  chooseColumns('data.csv', present.split(' '), named, context);
const refusal = async (...given: Parameters<typeof choose>) =>
  (await refusalOf(Promise.resolve().then(() => choose(...given)))).message;

describe('columns of usual names', () => {
  it.each([
    ['sentence label', { text: 'sentence', label: 'label' }, 'texts are taken from "sentence"'],
    [
      'id Review Sentiment',
      { text: 'Review', label: 'Sentiment' },
      'texts are taken from "Review" and labels from "Sentiment"',
    ],
    [
      'premise hypothesis label',
      { text: 'premise', textPair: 'hypothesis', label: 'label' },
      'texts are taken from "premise" and second texts from "hypothesis"',
    ],
    [
      'question1 question2 target',
      { text: 'question1', textPair: 'question2', label: 'target' },
      'texts are taken from "question1", second texts from "question2" and labels from "target"',
    ],
    [
      'question sentence label',
      { text: 'question', textPair: 'sentence', label: 'label' },
      'texts are taken from "question" and second texts from "sentence"',
    ],
    ['text labels', { text: 'text', label: 'labels' }, 'labels are taken from "labels"'],
  ])('are taken, and said: %s', (present, columns, note) => {
    const chosen = choose(present);
    expect(chosen.columns).toEqual({ textPair: undefined, ...columns });
    expect(chosen.notes).toEqual([`${note}, by the names of the columns (dataset.columns)`]);
  });

  it('give way to `text` and `label`, and to those that the settings name', () => {
    expect(choose('text sentence label target')).toEqual({ columns: { text: 'text', label: 'label' }, notes: [] });
    expect(choose('sentence review target class', { text: 'review', label: 'class' }).columns).toEqual({
      text: 'review',
      label: 'class',
    });
    expect(choose('text target', { label: false }).columns).toEqual({ text: 'text' });
    expect(choose('text target', {}, { guessLabels: false }).columns).toEqual({ text: 'text' });
  });

  it('hold single texts where the settings say that there are no second ones', async () => {
    const single = { textPair: false };
    expect(choose('text text_pair label', single)).toEqual({ columns: { text: 'text', label: 'label' }, notes: [] });
    expect(choose('sentence1 sentence2', { text: 'sentence2', ...single }).columns).toEqual({ text: 'sentence2' });
    expect(await refusal('premise hypothesis label', single)).toContain('has no column "text"');
    expect(choose('text text_pair target', single, { targets: true }).columns.textPair).toBeUndefined();
  });

  it('are refused where two would fit, with both', async () => {
    expect(await refusal('sentence review label')).toBe(
      'data.csv: has several columns that could be the text: "sentence", or "review"\n  Name one under `dataset.columns.text`.',
    );
    expect(await refusal('premise hypothesis content')).toContain('the text: "premise" and "hypothesis", or "content"');
    expect(await refusal('text target category')).toContain('the label: "target", or "category"');
    expect(await refusal('headline stars')).toContain('has no column "text"\n  It has: "headline", "stars".');
  });
});

describe('columns of chats', () => {
  it('beside descriptions of tools are taken without them, and that is said', () => {
    const { columns, notes } = choose('messages tools', { messages: 'messages' }, { chats: true });
    expect(columns).toEqual({ messages: 'messages' });
    expect(notes).toEqual(['the column "tools" is not read: chats are learnt without the descriptions of tools']);
  });

  const chats = { chats: true };
  const unlabelled = { label: false };

  it.each([
    ['id messages', { messages: 'messages' }],
    ['conversations', { messages: 'conversations' }],
    ['prompt completion', { prompt: 'prompt', completion: 'completion' }],
    ['instruction input output', { prompt: 'instruction', input: 'input', completion: 'output' }],
    ['instruction output', { prompt: 'instruction', completion: 'output' }],
  ])('are found for causal-lm: %s', (present, columns) => {
    const chosen = choose(present, unlabelled, chats);
    expect(chosen.columns).toEqual(columns);
    expect(chosen.notes).toHaveLength(1);
  });

  it('are not looked for elsewhere, nor where there is `text`', async () => {
    expect(await refusal('messages')).toContain('has no column "text"');
    expect(choose('text messages', unlabelled, chats).columns).toEqual({ text: 'text' });
    expect(choose('text messages', { ...unlabelled, messages: 'messages' }, chats).columns).toEqual({
      messages: 'messages',
    });
    expect(await refusal('messages prompt completion', unlabelled, chats)).toContain(
      'could be the messages: "messages", or "prompt" and "completion"',
    );
    expect(await refusal('question answer', { ...unlabelled, prompt: 'question' }, chats)).toContain(
      'has no column "completion"',
    );
  });
});
