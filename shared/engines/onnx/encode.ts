/** ONNX's file format, as far as a traced step needs it. Source of the field numbers: onnx.proto (ONNX, IR version 10). */
import { PbfWriter } from 'pbf';
import type { Attribute, DataType, Graph, Initializer, Node, Value } from './graph.ts';
import { emptySequence } from './roles.ts';

const irVersion = 10;
const operatorSet = 21;
/** The first with `BitCast`, for graphs that have one. */
const operatorSetWithBits = 26;

const elementTypes: Readonly<Record<DataType, number>> = {
  float32: 1,
  bfloat16: 4, // Its bits.
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
const attributeTypes = { float: 1, integer: 2, string: 3, integers: 7 } as const;

type NamedAttribute = readonly [name: string, value: Attribute];

function writeAttribute([name, value]: NamedAttribute, to: PbfWriter): void {
  to.writeStringField(1, name);
  if (typeof value === 'number') {
    to.writeVarintField(3, value);
    to.writeVarintField(20, attributeTypes.integer);
  } else if (typeof value === 'string') {
    to.writeStringField(4, value);
    to.writeVarintField(20, attributeTypes.string);
  } else if ('float' in value) {
    to.writeFloatField(2, value.float);
    to.writeVarintField(20, attributeTypes.float);
  } else {
    for (const each of value) to.writeVarintField(8, each);
    to.writeVarintField(20, attributeTypes.integers);
  }
}

function writeNode({ operator, domain, inputs, outputs, attributes }: Node, to: PbfWriter): void {
  for (const name of inputs) to.writeStringField(1, name);
  for (const name of outputs) to.writeStringField(2, name);
  to.writeStringField(4, operator);
  for (const attribute of Object.entries(attributes)) to.writeMessage(5, writeAttribute, attribute);
  if (domain !== undefined) to.writeStringField(7, domain);
}

function writeInitializer({ name, shape, dtype, bytes }: Initializer, to: PbfWriter): void {
  for (const size of shape) to.writeVarintField(1, size);
  to.writeVarintField(2, elementTypes[dtype]);
  to.writeStringField(8, name);
  to.writeBytesField(9, bytes);
}

/** The size of an axis that any number of samples may have. */
export const anyBatch = -1;

function writeDimension(size: number, to: PbfWriter): void {
  if (size === anyBatch) to.writeStringField(2, 'batch');
  else to.writeVarintField(1, size);
}

function writeShape(shape: readonly number[], to: PbfWriter): void {
  for (const size of shape) to.writeMessage(1, writeDimension, size);
}

/** The shape of what may have any. */
export const anyShape: readonly number[] = [];

function writeTensorType({ shape, dtype }: Value, to: PbfWriter): void {
  to.writeVarintField(1, elementTypes[dtype]);
  if (shape !== anyShape) to.writeMessage(2, writeShape, shape);
}

const writeType = (value: Value, to: PbfWriter) => to.writeMessage(1, writeTensorType, value);

function writeValue(value: Value, to: PbfWriter): void {
  to.writeStringField(1, value.name);
  to.writeMessage(2, writeType, value);
}

const sequence: Node = { operator: 'SequenceEmpty', inputs: [], outputs: [emptySequence], attributes: {} };
const element: Value = { name: emptySequence, shape: [], dtype: 'float32' };
const writeSequenceType = (value: Value, to: PbfWriter) => to.writeMessage(1, writeType, value);
const writeTypeOfSequence = (value: Value, to: PbfWriter) => to.writeMessage(4, writeSequenceType, value);

function writeSequence(value: Value, to: PbfWriter): void {
  to.writeStringField(1, value.name);
  to.writeMessage(2, writeTypeOfSequence, value);
}

interface NamedGraph extends Graph {
  readonly name: string;
  /** Whether the empty sequence is the first of its outputs. */
  readonly hasSequence: boolean;
}

function writeGraph({ name, hasSequence, nodes, initializers, inputs, outputs }: NamedGraph, to: PbfWriter): void {
  if (hasSequence) to.writeMessage(1, writeNode, sequence);
  for (const node of nodes) to.writeMessage(1, writeNode, node);
  to.writeStringField(2, name);
  for (const initializer of initializers) to.writeMessage(5, writeInitializer, initializer);
  for (const input of inputs) to.writeMessage(11, writeValue, input);
  if (hasSequence) to.writeMessage(12, writeSequence, element);
  for (const output of outputs) to.writeMessage(12, writeValue, output);
}

interface OperatorSet {
  readonly domain?: string;
  readonly version: number;
}

function writeOperatorSet({ domain, version }: OperatorSet, to: PbfWriter): void {
  if (domain !== undefined) to.writeStringField(1, domain);
  to.writeVarintField(2, version);
}

/** A step's graph as an ONNX model, whose outputs are `emptySequence` and then the graph's. */
export const encodeStep = (graph: Graph): Uint8Array => encodeModel({ ...graph, name: 'step', hasSequence: true });

/** A graph as an ONNX model for others to run. An axis of size `anyBatch` is written as one of any size. */
export const encodeGraph = (graph: Graph, name: string): Uint8Array =>
  encodeModel({ ...graph, name, hasSequence: false });

function encodeModel(graph: NamedGraph): Uint8Array {
  const to = new PbfWriter();
  to.writeVarintField(1, irVersion);
  to.writeStringField(2, 'tempbalance');
  to.writeMessage(7, writeGraph, graph);
  const hasBits = graph.nodes.some(({ operator }) => operator === 'BitCast');
  to.writeMessage(8, writeOperatorSet, { version: hasBits ? operatorSetWithBits : operatorSet });
  const domains = new Set(graph.nodes.flatMap(({ domain }) => domain ?? []));
  for (const domain of domains) to.writeMessage(8, writeOperatorSet, { domain, version: 1 });
  return to.finish();
}
