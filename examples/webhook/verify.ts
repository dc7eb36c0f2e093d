/** How a receiver of the webhook verifies an event (docs/events.md). */
import { createHmac, timingSafeEqual } from 'node:crypto';

// [verify]
export function verify(body: string, headers: Record<string, string | undefined>, secret: string): boolean {
  const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signatures = '' } = headers;
  if (Math.abs(Date.now() / 1000 - Number(at)) <= 300) {
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    const expected = Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`);
    const given = signatures.split(' ').map((text) => Buffer.from(text));
    return given.some((each) => each.length === expected.length && timingSafeEqual(each, expected));
  }
  return false;
}
// [/verify]
