/** A server that answers GetProducts as the AWS Price List does, a product a page. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A product as the list has it: its service, the attributes to filter by, and what it costs. */
export interface ListedProduct {
  readonly service: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly usd: number;
}

interface GetProducts {
  readonly ServiceCode: string;
  readonly Filters?: readonly { readonly Type: string; readonly Field: string; readonly Value: string }[];
  readonly NextToken?: string;
}

const asListed = ({ attributes, usd }: ListedProduct) =>
  JSON.stringify({
    product: { attributes },
    terms: { OnDemand: { term: { priceDimensions: { tier: { pricePerUnit: { USD: usd.toFixed(10) } } } } } },
  });

/**
 * @param refusal answers every request with this error instead.
 * @returns its address, and the requests that came.
 */
export async function startPriceList(
  products: readonly ListedProduct[],
  refusal?: { readonly status: number; readonly type: string },
): Promise<{ url: string; requests: GetProducts[] }> {
  const requests: GetProducts[] = [];
  const server = createServer(async (request, response) => {
    const asked = JSON.parse(await textOf(request)) as GetProducts;
    requests.push(asked);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (refusal || request.headers['x-amz-target'] !== 'AWSPriceListService.GetProducts') {
      response.statusCode = refusal?.status ?? 400;
      response.end(JSON.stringify({ __type: refusal?.type ?? 'UnknownOperationException', message: 'refused' }));
      return;
    }
    const matching = products.filter(
      ({ service, attributes }) =>
        service === asked.ServiceCode && (asked.Filters ?? []).every(({ Field, Value }) => attributes[Field] === Value),
    );
    const page = Number(asked.NextToken ?? 0);
    const next = page + 1 < matching.length ? { NextToken: String(page + 1) } : {};
    response.end(
      JSON.stringify({ FormatVersion: 'aws_v1', PriceList: matching.slice(page, page + 1).map(asListed), ...next }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}
