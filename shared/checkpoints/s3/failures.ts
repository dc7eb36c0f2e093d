/** What S3 and the network say when something goes wrong, and what is made of it. */
import { RunError, TransientError, UserError } from '../../core/errors.ts';

/** A reply that is not what was asked for: cut off, too long, or not of the checksum that S3 gave. Asking again may help. */
export class BrokenReply extends Error {}

/** A request and the object or bucket that it is about. */
export interface Request {
  /** The operation, e.g. `GetObject`. */
  readonly operation: string;
  /** `s3://bucket/key`. */
  readonly where: string;
  /** The resource as an Amazon resource name. */
  readonly resource: string;
  readonly expectedOwner: string | undefined;
}

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
  /** The region of the bucket, where the request went to another one. */
  readonly Region?: string;
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}
const asSdkError = (error: unknown) => (error ?? {}) as SdkError;
const statusOf = (error: unknown) => asSdkError(error).$metadata?.httpStatusCode ?? 0;

/** S3's name of the error, e.g. `SlowDown`. */
const nameOf = (error: unknown) => asSdkError(error).name ?? '';

/** The number of tries that the client made before it gave this error. */
export const clientTriesOf = (error: unknown): number => asSdkError(error).$metadata?.attempts ?? 1;

/** There is no such object; a bucket that isn't there is another matter. */
export const isAbsence = (error: unknown): boolean => ['NoSuchKey', 'NotFound'].includes(nameOf(error));

/** The object is not as the request demanded. */
export const isUnmet = (error: unknown): boolean => statusOf(error) === 412;

/** S3 could not decide between writers that raced. */
export const isConflict = (error: unknown): boolean => nameOf(error) === 'ConditionalRequestConflict';

/** The multipart upload was completed or aborted. */
export const isUploadGone = (error: unknown): boolean => nameOf(error) === 'NoSuchUpload';

const passingNames = new Set([
  'BadDigest',
  'BandwidthLimitExceeded',
  'ConditionalRequestConflict',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestLimitExceeded',
  // The client takes the time from this very answer, and signs the next try with it.
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

const passingCodes = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Whether the same request may succeed later: throttling, errors of the server's, a lost connection, a broken reply. */
export function mayPass(error: unknown): boolean {
  const { code, $fault, $response } = asSdkError(error);
  const status = statusOf(error);
  const unreadable = $response !== undefined && $fault === undefined;
  return (
    error instanceof BrokenReply ||
    passingNames.has(nameOf(error)) ||
    passingCodes.has(code ?? '') ||
    status >= 500 ||
    status === 429 ||
    unreadable
  );
}

/** The permission that an operation needs. */
function permissionFor(operation: string): string {
  if (operation === 'HeadObject') return 's3:GetObject';
  if (operation === 'ListObjectsV2') return 's3:ListBucket';
  if (['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'].includes(operation)) return 's3:PutObject';
  return `s3:${operation}`;
}

function deniedRemedy({ operation, resource, expectedOwner }: Request): string {
  const permission = permissionFor(operation);
  const hidden =
    permission === 's3:GetObject'
      ? ' Without s3:ListBucket on the bucket, an object that is not there is denied too.'
      : '';
  const owner = expectedOwner ? ` The bucket must belong to account ${expectedOwner}.` : '';
  return `Allow ${permission} on ${resource} to the role or user (and in the policies of the bucket and its KMS key).${hidden}${owner}`;
}

/** The fault that the user has to mend, and the remedy. */
function usersFault(error: unknown, request: Request): [what: string, remedy: string] | undefined {
  const { Region, $response } = asSdkError(error);
  const region = Region ?? $response?.headers?.['x-amz-bucket-region'] ?? "the bucket's region";
  const name = nameOf(error);
  switch (name) {
    case 'NoSuchVersion':
      return [
        'this version of the object is gone',
        'It was replaced, and replaced versions are kept only so long (`retention.replacedDays`): upload it again and start a new run.',
      ];
    case 'NoSuchBucket':
    case 'InvalidBucketName':
      return ['there is no such bucket', 'Check its name, and the account that the credentials belong to.'];
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'RequestExpired':
    case 'TokenRefreshRequired':
      return ['the AWS credentials have expired', 'Sign in again (e.g. aws sso login), then resume.'];
    case 'InvalidAccessKeyId':
    case 'InvalidToken':
    case 'SignatureDoesNotMatch':
      return [`S3 does not know the AWS credentials (${name})`, 'Check the profile or the access key that is in use.'];
    case 'CredentialsProviderError':
      return ['there are no AWS credentials', 'Sign in (e.g. aws sso login), or set AWS_PROFILE.'];
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
      return ['the bucket is in another region', `Set AWS_REGION to ${region}.`];
    case 'RequestTimeTooSkewed':
      return ['the clock of this machine is wrong', 'Set it, then resume.'];
    case 'InvalidObjectState':
      return ['the object is archived', 'Restore it from its storage class (aws s3api restore-object) first.'];
    case 'KeyTooLongError':
      return ['the key is longer than 1024 bytes', 'Choose a shorter prefix or run name.'];
  }
  if (name.startsWith('KMS.'))
    return [`the bucket's KMS key can't be used (${name})`, 'Enable it, or change the bucket.'];
  if (statusOf(error) === 301) return ['the bucket is in another region', `Set AWS_REGION to ${region}.`];
  if (statusOf(error) === 403) return [`access is denied (${request.operation})`, deniedRemedy(request)];
  if (asSdkError(error).message === 'Region is missing') return ['no AWS region is set', 'Set AWS_REGION.'];
  return undefined;
}

/** An error of a request after its last try, as one that says what to do; what callers map themselves stays as it is. */
export function explain(error: unknown, request: Request, tries: number): unknown {
  const { where, operation } = request;
  const said = [nameOf(error), asSdkError(error).code, asSdkError(error).message].filter(Boolean).join(': ');
  if (isAbsence(error) || isUnmet(error)) return error;
  const fault = usersFault(error, request);
  if (fault) return new UserError(fault[0], { where, remedy: fault[1], cause: error });
  if (mayPass(error)) {
    return new TransientError(`S3 did not do ${operation} in ${tries} tries (${said})`, {
      where,
      remedy: 'What was committed is intact: resume when S3 and the network are well again.',
      cause: error,
    });
  }
  if (asSdkError(error).$fault === undefined) return error;
  return new RunError(`S3 refused ${operation} (${said})`, { where, cause: error });
}
