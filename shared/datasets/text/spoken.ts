/** What the assistant says in a chat: the parts of its text that are learnt. */
import { messageOf } from '../../core/errors.ts';
import type { ChatTemplate, RenderedChat } from './chat-template.ts';
import type { Message } from './chats.ts';

type Spoken = Required<RenderedChat> | { readonly problem: string };

/**
 * A chat as a text, with the parts that the assistant says: those that the template marks, or what comes to the text with each of its
 * messages.
 */
export function spokenIn(template: ChatTemplate, messages: readonly Message[]): Spoken {
  try {
    const { text, spans } = template.render(messages);
    if (spans && spans.length > 0) return { text, spans };
    if (template.marks) return { problem: 'has nothing that the template marks as said by the assistant' };
    return byPrefixes(template, messages, text);
  } catch (cause) {
    return { problem: `does not fit the chat template: ${messageOf(cause)}` };
  }
}

function byPrefixes(template: ChatTemplate, messages: readonly Message[], text: string): Spoken {
  const spans: [number, number][] = [];
  for (const [place, { role }] of messages.entries()) {
    if (role !== 'assistant') continue;
    const before = place === 0 ? '' : template.render(messages.slice(0, place), { asksForMore: true }).text;
    const upTo = place === messages.length - 1 ? text : template.render(messages.slice(0, place + 1)).text;
    if (!text.startsWith(before) || !text.startsWith(upTo) || !upTo.startsWith(before)) {
      return {
        problem: `message ${place + 1} has another text where the chat goes on, so that what the assistant says can't be told: the template does not mark it ({% generation %})`,
      };
    }
    spans.push([before.length, upTo.length]);
  }
  return { text, spans };
}
