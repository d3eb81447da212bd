import { PbfReader, PbfWriter } from 'pbf';
import { CompileError } from '../errors.ts';

/**
 * The part of ONNX's protobuf messages that Gantry writes, with their field numbers
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). A reader refuses all else: external data, functions, metadata and
 * whatever other versions have.
 */

/** One of the three values. */
export interface AttributeProto {
  name: string;
  /** @see ATTRIBUTE_TYPE */
  type: number;
  f?: number;
  i?: number;
  ints?: readonly number[];
}

export interface NodeProto {
  opType: string;
  input: readonly string[];
  output: readonly string[];
  attribute: readonly AttributeProto[];
}

export interface TensorProto {
  name: string;
  dims: readonly number[];
  dataType: number;
  /** Little-endian. */
  rawData: Uint8Array;
}

/** The name, element type and shape of an input or output. */
export interface ValueInfoProto {
  name: string;
  elemType: number;
  shape: readonly number[];
}

export interface GraphProto {
  node: readonly NodeProto[];
  initializer: readonly TensorProto[];
  input: readonly ValueInfoProto[];
  output: readonly ValueInfoProto[];
}

/** ONNX's AttributeProto.AttributeType. */
export const ATTRIBUTE_TYPE = { float: 1, int: 2, ints: 7 } as const;

/** ReduceMean and ReduceMax take their axes as an input from 18 on, like ReduceSum; nothing here needs a later one. */
const OPSET_VERSION = 18;
/** The IR version that ONNX released with opset 18. */
const IR_VERSION = 8;
const PRODUCER = 'gantry';
const GRAPH_NAME = 'graph';

/** Writes a model as an ONNX file. */
export function encodeModel(graph: GraphProto): Uint8Array<ArrayBuffer> {
  const file = new PbfWriter();
  file.writeVarintField(1, IR_VERSION);
  file.writeStringField(2, PRODUCER);
  file.writeMessage(7, writeGraph, graph);
  file.writeMessage(8, writeOpset, OPSET_VERSION);
  return Uint8Array.from(file.finish());
}

function writeOpset(version: number, file: PbfWriter): void {
  file.writeStringField(1, '');
  file.writeVarintField(2, version);
}

function writeGraph({ node, initializer, input, output }: GraphProto, file: PbfWriter): void {
  for (const each of node) file.writeMessage(1, writeNode, each);
  file.writeStringField(2, GRAPH_NAME);
  for (const each of initializer) file.writeMessage(5, writeTensor, each);
  for (const each of input) file.writeMessage(11, writeValueInfo, each);
  for (const each of output) file.writeMessage(12, writeValueInfo, each);
}

function writeNode({ opType, input, output, attribute }: NodeProto, file: PbfWriter): void {
  for (const each of input) file.writeStringField(1, each);
  for (const each of output) file.writeStringField(2, each);
  file.writeStringField(4, opType);
  for (const each of attribute) file.writeMessage(5, writeAttribute, each);
}

function writeAttribute({ name, type, f, i, ints = [] }: AttributeProto, file: PbfWriter): void {
  file.writeStringField(1, name);
  if (f !== undefined) file.writeFloatField(2, f);
  if (i !== undefined) file.writeVarintField(3, i);
  for (const each of ints) file.writeVarintField(8, each);
  file.writeVarintField(20, type);
}

function writeTensor({ name, dims, dataType, rawData }: TensorProto, file: PbfWriter): void {
  for (const each of dims) file.writeVarintField(1, each);
  file.writeVarintField(2, dataType);
  file.writeStringField(8, name);
  file.writeBytesField(9, rawData);
}

function writeValueInfo({ name, elemType, shape }: ValueInfoProto, file: PbfWriter): void {
  file.writeStringField(1, name);
  file.writeMessage(2, writeType, { elemType, shape });
}

function writeType(type: { elemType: number; shape: readonly number[] }, file: PbfWriter): void {
  file.writeMessage(1, writeTensorType, type);
}

function writeTensorType({ elemType, shape }: { elemType: number; shape: readonly number[] }, file: PbfWriter): void {
  file.writeVarintField(1, elemType);
  file.writeMessage(2, writeShape, shape);
}

function writeShape(shape: readonly number[], file: PbfWriter): void {
  for (const size of shape) file.writeMessage(1, (value, dim) => dim.writeVarintField(1, value), size);
}

/**
 * Reads an ONNX file that `encodeModel` wrote.
 * @throws CompileError unsupported-model if a byte of it is not as `encodeModel` writes it
 */
export function decodeModel(bytes: Uint8Array): GraphProto {
  const graph = new PbfReader(bytes).readFields(readModelField, emptyGraph());
  const written = encodeModel(graph);
  if (written.length !== bytes.length || written.some((byte, i) => byte !== bytes[i])) {
    throw new CompileError('unsupported-model', 'an ONNX model that is not written as Gantry writes them');
  }
  return graph;
}

type Growing<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };

const emptyGraph = (): Growing<GraphProto> => ({ node: [], initializer: [], input: [], output: [] });

// Fields that these do not read are missed when the model is written again.

function readModelField(field: number, graph: Growing<GraphProto>, file: PbfReader): void {
  if (field === 7) file.readMessage(readGraphField, graph);
}

function readGraphField(field: number, graph: Growing<GraphProto>, file: PbfReader): void {
  if (field === 1)
    graph.node.push(file.readMessage(readNodeField, { opType: '', input: [], output: [], attribute: [] }));
  else if (field === 5) {
    graph.initializer.push(
      file.readMessage(readTensorField, { name: '', dims: [], dataType: 0, rawData: new Uint8Array() }),
    );
  } else if (field === 11) graph.input.push(readValueInfo(file));
  else if (field === 12) graph.output.push(readValueInfo(file));
}

function readNodeField(field: number, node: Growing<NodeProto>, file: PbfReader): void {
  if (field === 1) node.input.push(file.readString());
  else if (field === 2) node.output.push(file.readString());
  else if (field === 4) node.opType = file.readString();
  else if (field === 5) node.attribute.push(readAttribute(file));
}

function readAttribute(file: PbfReader): AttributeProto {
  const attribute: AttributeProto = { name: '', type: 0 };
  const ints: number[] = [];
  file.readMessage((field) => {
    if (field === 1) attribute.name = file.readString();
    else if (field === 2) attribute.f = file.readFloat();
    else if (field === 3) attribute.i = file.readVarint();
    else if (field === 8) ints.push(file.readVarint());
    else if (field === 20) attribute.type = file.readVarint();
  }, attribute);
  return attribute.type === ATTRIBUTE_TYPE.ints ? { ...attribute, ints } : attribute;
}

function readTensorField(field: number, tensor: Growing<TensorProto>, file: PbfReader): void {
  if (field === 1) tensor.dims.push(file.readVarint());
  else if (field === 2) tensor.dataType = file.readVarint();
  else if (field === 8) tensor.name = file.readString();
  else if (field === 9) tensor.rawData = file.readBytes();
}

function readValueInfo(file: PbfReader): ValueInfoProto {
  const info: Growing<ValueInfoProto> = { name: '', elemType: 0, shape: [] };
  file.readMessage((field) => {
    if (field === 1) info.name = file.readString();
    else if (field === 2) file.readMessage(readTypeField, info);
  }, info);
  return info;
}

function readTypeField(field: number, info: Growing<ValueInfoProto>, file: PbfReader): void {
  if (field === 1) file.readMessage(readTensorTypeField, info);
}

function readTensorTypeField(field: number, info: Growing<ValueInfoProto>, file: PbfReader): void {
  if (field === 1) info.elemType = file.readVarint();
  else if (field === 2) file.readMessage(readShapeField, info);
}

function readShapeField(field: number, info: Growing<ValueInfoProto>, file: PbfReader): void {
  if (field === 1) file.readMessage(readDimensionField, info);
}

function readDimensionField(field: number, info: Growing<ValueInfoProto>, file: PbfReader): void {
  if (field === 1) info.shape.push(file.readVarint());
}
