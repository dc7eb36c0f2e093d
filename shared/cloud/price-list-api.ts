import { type PricingClient, paginateGetProducts } from '@aws-sdk/client-pricing';
import { TransientError, UserError } from '../core/errors.ts';
import type { QueryProducts } from '../costs/price-list.ts';

/** The AWS Price List has few endpoints, which know all regions; this is one. */
export const priceListRegion = 'us-east-1';

/** Queries the AWS Price List. @throws UserError when it can't be asked by who asks. */
export function priceListApi(client: PricingClient): QueryProducts {
  return async (service, attributes) => {
    const Filters = Object.entries(attributes).map(([Field, Value]) => ({ Type: 'TERM_MATCH' as const, Field, Value }));
    const products: string[] = [];
    try {
      for await (const page of paginateGetProducts({ client }, { ServiceCode: service, Filters })) {
        products.push(...(page.PriceList ?? []).map(String));
      }
    } catch (error) {
      throw explained(error as Error);
    }
    return products;
  };
}

/** Errors of credentials that AWS doesn't take, by its services' names for them. */
const rejected = ['UnrecognizedClientException', 'ExpiredTokenException', 'InvalidSignatureException', 'ExpiredToken'];

function explained(cause: Error): Error {
  const where = 'AWS Price List';
  if (cause.name === 'CredentialsProviderError') {
    const remedy = 'Any account’s will do: `aws configure`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';
    return new UserError('there are no AWS credentials', { where, remedy, cause });
  }
  if (cause.name === 'AccessDeniedException') {
    return new UserError('may not be read with these credentials', {
      where,
      remedy: 'Allow the action pricing:GetProducts.',
      cause,
    });
  }
  if (rejected.includes(cause.name)) {
    return new UserError(`does not take these credentials (${cause.message})`, {
      where,
      remedy: 'Log in again.',
      cause,
    });
  }
  return new TransientError(`does not answer as it should (${cause.name}: ${cause.message})`, {
    where,
    remedy: 'Check the network, and try again.',
    cause,
  });
}
