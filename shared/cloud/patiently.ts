import { TransientError } from '../core/errors.ts';

/** A look that saw nothing, as the network failed: what is to be told of it. */
interface CutOff {
  readonly cutOff: readonly { readonly type: 'warning'; readonly message: string }[];
}

/** Looks, bearing a failure that may pass, as of a laptop's network: of several in a row the first alone is told of. */
export function patiently<Seen extends object>(look: () => Promise<Seen>): () => Promise<Seen | CutOff> {
  let isCutOff = false;
  return async () => {
    try {
      const seen = await look();
      isCutOff = false;
      return seen;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const message = `${error.message}\n  Watching goes on.`;
      const cutOff = isCutOff ? [] : [{ type: 'warning', message } as const];
      isCutOff = true;
      return { cutOff };
    }
  };
}
