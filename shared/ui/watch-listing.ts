import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../core/errors.ts';
import { changeOf, type Listing, type ListingChange, type RunSource } from './listing.ts';

/** What somebody who looks is told: the whole list first, then what changes. */
export type ListingEvent =
  | { readonly type: 'listing'; readonly listing: Listing }
  | { readonly type: 'change'; readonly change: ListingChange }
  /** The source can't be read at the moment. */
  | { readonly type: 'trouble'; readonly message: string };

/** A list that is looked at again and again as long as anybody wants to know. */
export interface WatchedListing {
  /** The list as it was at the last look. */
  current(): Promise<Listing>;
  /** Tells of the list, and of what changes, until the returned function is called. */
  subscribe(tell: (event: ListingEvent) => void): () => void;
}

interface Subscriber {
  readonly tell: (event: ListingEvent) => void;
  /** Whether it has the whole list; not after trouble, so that it hears when that is over. */
  isTold: boolean;
}

/** Watches a source: one look serves all who want to know, and nobody looks when none does. */
export function watchListing(source: RunSource): WatchedListing {
  const subscribers = new Set<Subscriber>();
  let last: Listing | undefined;
  let looking: Promise<void> | undefined;
  let isWatching = false;

  function deliver(listing: Listing, change: ListingChange | undefined): void {
    for (const subscriber of subscribers) {
      if (!subscriber.isTold) subscriber.tell({ type: 'listing', listing });
      else if (change) subscriber.tell({ type: 'change', change });
      subscriber.isTold = true;
    }
  }

  /** Looks once; who comes meanwhile waits for the same look. */
  function look(): Promise<void> {
    looking ??= (async () => {
      const now = await source.list();
      const change = last && changeOf(last, now);
      last = now;
      deliver(now, change);
    })().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function watch(): Promise<void> {
    if (isWatching) return;
    isWatching = true;
    while (subscribers.size > 0) {
      try {
        await look();
      } catch (error) {
        for (const subscriber of subscribers) {
          subscriber.tell({ type: 'trouble', message: messageOf(error) });
          subscriber.isTold = false;
        }
      }
      await sleep(source.refreshMs, undefined, { ref: false });
    }
    isWatching = false;
  }

  return {
    async current() {
      if (!last || !isWatching) await look();
      return last!;
    },
    subscribe(tell) {
      const subscriber: Subscriber = { tell, isTold: false };
      subscribers.add(subscriber);
      if (isWatching && last) deliver(last, undefined);
      else void watch();
      return () => subscribers.delete(subscriber);
    },
  };
}
