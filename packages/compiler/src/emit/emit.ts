import { type DType, type Graph, type Node, type Shape, topologicalOrder } from '../graph.ts';
import { ELEMENT_TYPE, Initializers } from './initializers.ts';
import { type Operator, operatorOf } from './operators.ts';
import { ATTRIBUTE_TYPE, encodeModel } from './model-file.ts';

const attribute = ([name, value]: [string, number | readonly number[]]) => {
  if (typeof value !== 'number') return { name, type: ATTRIBUTE_TYPE.ints, ints: value };
  if (name === 'alpha') return { name, type: ATTRIBUTE_TYPE.float, f: value };
  return { name, type: ATTRIBUTE_TYPE.int, i: value };
};

const nodeProto = ({ opType, inputs, attributes = {} }: Operator, output: string) => ({
  opType,
  input: inputs,
  output: [output],
  attribute: Object.entries(attributes).map(attribute),
});

const valueInfo = (name: string, shape: Shape, dtype: DType) => ({ name, elemType: ELEMENT_TYPE[dtype], shape });

/** Writes a lowered graph as an ONNX model. The bytes depend on the graph's structure and names only. */
export function emit(graph: Graph): Uint8Array<ArrayBuffer> {
  const initializers = new Initializers();
  const names = new Map<Node, string>(graph.inputs.map((node) => [node, node.op.name]));
  const outputNames = new Map(graph.outputs.map(({ name, node }) => [node, name]));
  const nameOf = (node: Node): string => {
    const name = names.get(node);
    if (name === undefined) throw new Error('emit: a node comes before its input');
    return name;
  };
  const nodes = [];
  for (const node of topologicalOrder(graph)) {
    if (node.op.kind === 'input') continue;
    const outputName = outputNames.get(node);
    if (node.op.kind === 'constant' && node.shape.length === 0 && outputName === undefined) {
      names.set(node, initializers.scalar(node.op.value, node.dtype));
      continue;
    }
    if (node.op.kind === 'table') {
      names.set(node, initializers.table(node.op.values, node.shape));
      continue;
    }
    const name: string = outputName ?? `%${nodes.length}`;
    nodes.push(nodeProto(operatorOf(node, node.inputs.map(nameOf), initializers), name));
    names.set(node, name);
  }
  for (const { name, node } of graph.outputs) {
    // An output that is also an input, or the same value as another output.
    const source = nameOf(node);
    if (source !== name) nodes.push(nodeProto({ opType: 'Identity', inputs: [source] }, name));
  }
  return encodeModel({
    node: nodes,
    initializer: initializers.all(),
    input: graph.inputs.map((node) => valueInfo(node.op.name, node.shape, node.dtype)),
    output: graph.outputs.map(({ name, node }) => valueInfo(name, node.shape, node.dtype)),
  });
}
