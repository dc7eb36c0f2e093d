/** Errors of AWS's services that a person can mend, as ones that say how. */
import { messageOf, TransientError, UserError } from '../core/errors.ts';

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']);
const unknown = new Set([
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'IncompleteSignature',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);
const unreachable = new Set(['EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ENETUNREACH', 'ENOTFOUND', 'ETIMEDOUT']);

const isDenial = ({ name = '', $metadata }: SdkError) =>
  /^AccessDenied|^UnauthorizedOperation$|NotAuthorized/.test(name) ||
  ($metadata?.httpStatusCode === 403 && !unknown.has(name) && !expired.has(name));

/**
 * The error as one that says what to do; itself where it is not about identity, rights or the network.
 * @param operation for messages, e.g. `S3 HeadObject`.
 */
export function explainAws(error: unknown, operation: string): unknown {
  const sdk = (error ?? {}) as SdkError;
  const { name = '', message = '', code = '' } = sdk;
  const mend = (what: string, remedy: string) => new UserError(what, { where: 'AWS', remedy, cause: error });
  if (error instanceof UserError) return error;
  if (message === 'Region is missing' || message.startsWith('Region not accepted: region=""')) {
    return mend('no region is set', 'Give --region, or set AWS_REGION or the region of your AWS profile.');
  }
  if (message.startsWith('Region not accepted')) return mend(message, 'Write the region as in eu-central-1.');
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name)) {
    return /expired|refresh/i.test(message)
      ? mend('the sign-in has expired', 'Sign in again (e.g. aws sso login).')
      : mend('there are no credentials', 'Sign in (e.g. aws sso login, or aws configure), or set AWS_PROFILE.');
  }
  if (expired.has(name)) return mend('the credentials have expired', 'Sign in again (e.g. aws sso login).');
  if (unknown.has(name)) {
    return mend(`the credentials are not valid (${name})`, 'Check AWS_PROFILE, or the access key that is in use.');
  }
  if (isDenial(sdk)) {
    return mend(
      `access is denied (${operation}): ${messageOf(error)}`,
      'Allow it to the identity in use (`npx tempbalance cloud doctor` says which), or use another.',
    );
  }
  if (unreachable.has(code)) {
    return new TransientError(`can't be reached (${code})`, {
      where: 'AWS',
      remedy: 'Check the network and the region, and try again.',
      cause: error,
    });
  }
  return error;
}

type Send = (request: unknown) => Promise<unknown>;
/** Names of client and command, as the SDK's classes have them. */
interface Context {
  readonly clientName?: string;
  readonly commandName?: string;
}
interface Stack {
  add(
    middleware: (next: Send, context: Context) => Send,
    options: { step: 'initialize'; priority: 'high'; name: string },
  ): void;
}

/** A client whose errors are explained. */
export function explaining<Client extends { readonly middlewareStack: unknown }>(client: Client): Client {
  const stack = client.middlewareStack as Stack;
  const explain =
    (next: Send, { clientName, commandName }: Context) =>
    async (request: unknown) => {
      try {
        return await next(request);
      } catch (error) {
        const [service, operation] = [clientName?.replace(/Client$/, ''), commandName?.replace(/Command$/, '')];
        throw explainAws(error, `${service} ${operation}`);
      }
    };
  stack.add(explain, { step: 'initialize', priority: 'high', name: 'explain' });
  return client;
}
