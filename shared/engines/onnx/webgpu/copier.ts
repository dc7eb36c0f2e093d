import { anyShape, encodeGraph } from '../encode.ts';

/** A model that gives a tensor of any shape as it is. */
export function copierModel(dtype: 'float32' | 'int32'): Uint8Array {
  const given = { name: 'given', shape: anyShape, dtype };
  const result = { ...given, name: 'result' };
  return encodeGraph(
    {
      nodes: [{ operator: 'Identity', inputs: [given.name], outputs: [result.name], attributes: {} }],
      initializers: [],
      inputs: [given],
      outputs: [result],
      specs: new Map(),
      backwards: new Map(),
    },
    'copier',
  );
}
