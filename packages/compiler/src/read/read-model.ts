import { input } from '../build.ts';
import { ModelProto } from '../emit/schema.ts';
import { CompileError } from '../errors.ts';
import type { Graph, Node } from '../graph.ts';
import { sizeOf } from '../shapes.ts';
import { dtypeOf, type GraphProto, isSize, readInitializer, unsupported } from './model-values.ts';
import { Operation, readOperation } from './read-operation.ts';

/** The largest tensor: sizes in bytes and rows stay far below the limits of C's integers. */
const MAX_ELEMENTS = 2 ** 31 - 1;

/** A tensor of the graph: whatever is computed from it has a size that C's integers hold. */
function sized(name: string, value: readonly number[] | Node): readonly number[] | Node {
  if ('op' in value && sizeOf(value.shape) > MAX_ELEMENTS) {
    throw unsupported(`'${name}' of shape [${value.shape.join()}], more than ${MAX_ELEMENTS} elements`);
  }
  return value;
}

function readGraph({ node: nodes = [], initializer: initializers = [], ...proto }: GraphProto): Graph {
  const inputs = (proto.input ?? []).map(({ name, type: { tensorType } }) => {
    const shape = (tensorType.shape.dim ?? []).map(({ dimValue = 0 }) => dimValue);
    if (!shape.every(isSize)) throw unsupported(`an input '${name}' of shape [${shape.join()}]`);
    return input(name, shape, dtypeOf(tensorType.elemType));
  });
  const values = new Map<string, readonly number[] | Node>();
  for (const node of inputs) values.set(node.op.name, sized(node.op.name, node));
  for (const tensor of initializers) values.set(tensor.name, sized(tensor.name, readInitializer(tensor)));
  for (const node of nodes) {
    const [name = ''] = node.output ?? [];
    values.set(name, sized(name, readOperation(node.opType, new Operation(node, values))));
  }
  const outputs = (proto.output ?? []).map(({ name }) => {
    const node = values.get(name);
    if (node === undefined || !('op' in node)) throw unsupported(`an output '${name}' that nothing computes`);
    return { name, node };
  });
  return { inputs, outputs };
}

/**
 * Reads an ONNX model of the operators that `emit` writes. Shapes are inferred, never taken from the model but for its inputs,
 * and all that is not as it has to be is refused: memory is planned by what comes out.
 * @throws CompileError unsupported-model
 */
export function readModel(onnx: Uint8Array): Graph {
  try {
    return readGraph((ModelProto.toObject(ModelProto.decode(onnx), { longs: Number }) as { graph: GraphProto }).graph);
  } catch (cause) {
    if (cause instanceof CompileError) throw cause;
    // A message without a field that it must have, or shapes that do not fit.
    throw unsupported(`a damaged model (${cause instanceof Error ? cause.message : String(cause)})`);
  }
}
