import { describe, expect, it } from 'vitest';
import { explainAws } from '../../shared/cloud/explain.ts';
import { TransientError, UserError } from '../../shared/core/errors.ts';

const thrown = (name: string, message = '', more: object = {}) => Object.assign(new Error(message), { name, ...more });

describe('an error of AWS', () => {
  it.each([
    [thrown('CredentialsProviderError', 'Could not load credentials from any providers'), 'there are no credentials'],
    [thrown('CredentialsProviderError', 'The SSO session has expired'), 'the sign-in has expired'],
    [thrown('ExpiredTokenException', 'The security token is expired'), 'the credentials have expired'],
    [thrown('ExpiredToken', '', { $metadata: { httpStatusCode: 403 } }), 'the credentials have expired'],
    [thrown('UnrecognizedClientException'), 'the credentials are not valid (UnrecognizedClientException)'],
    [thrown('InvalidClientTokenId', '', { $metadata: { httpStatusCode: 403 } }), 'the credentials are not valid'],
    [thrown('AccessDeniedException', 'User x may not perform states:StopExecution'), 'may not perform states:Stop'],
    [thrown('403', 'UnknownError', { $metadata: { httpStatusCode: 403 } }), 'access is denied (S3 HeadObject)'],
    [thrown('Error', 'Region is missing'), 'no region is set'],
    [
      thrown('Error', 'Region not accepted: region="Frankfurt am Main" is not a valid hostname component.'),
      'Frankfurt',
    ],
  ])('that a person can mend says how: %s', (error, what) => {
    const explained = explainAws(error, 'S3 HeadObject') as UserError;
    expect(explained).toBeInstanceOf(UserError);
    expect(explained.message).toContain(what);
    expect(explained.remedy).not.toBe('');
    expect(explained.cause).toBe(error);
  });

  it('about the network may pass', () => {
    expect(explainAws(thrown('Error', 'getaddrinfo', { code: 'ENOTFOUND' }), '')).toBeInstanceOf(TransientError);
  });

  it('about anything else stays what it is', () => {
    const error = thrown('ExecutionAlreadyExists');
    expect(explainAws(error, '')).toBe(error);
  });
});
