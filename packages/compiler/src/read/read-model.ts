import { input } from '../build.ts';
import { emit } from '../emit/emit.ts';
import { decodeModel, type GraphProto } from '../emit/model-file.ts';
import { CompileError } from '../errors.ts';
import type { Graph, Node } from '../graph.ts';
import { peakBytes } from '../peak-bytes.ts';
import { sizeOf } from '../shapes.ts';
import { dtypeOf, isSize, readInitializer, unsupported } from './model-values.ts';
import { Operation, readOperation } from './read-operation.ts';

/** The largest tensor: sizes in bytes and rows stay far below the limits of C's integers. */
const MAX_ELEMENTS = 2 ** 31 - 1;
/** Of a tensor's axes: each becomes a loop. */
const MAX_RANK = 16;
/** A training step of the DCGAN has 600. */
const MAX_OPERATORS = 50_000;
/** What the tensors take that are needed at the same time; also the largest typed array of Node 20. */
const MAX_BYTES = 2 ** 32;

/** The values of a graph by their names: tensors, and numbers that shape operators. */
class Values {
  readonly #byName = new Map<string, readonly number[] | Node>();

  get all(): ReadonlyMap<string, readonly number[] | Node> {
    return this.#byName;
  }

  /** Whatever is computed has a size that C's integers hold, and a name of its own. */
  add(name: string, value: readonly number[] | Node): void {
    if (this.#byName.has(name)) throw unsupported(`two values called '${name}'`);
    if ('op' in value) {
      const { shape } = value;
      if (shape.length > MAX_RANK) throw unsupported(`'${name}' of ${shape.length} axes, more than ${MAX_RANK}`);
      if (sizeOf(shape) > MAX_ELEMENTS) {
        throw unsupported(`'${name}' of shape [${shape.join()}], more than ${MAX_ELEMENTS} elements`);
      }
    }
    this.#byName.set(name, value);
  }
}

function readGraph(proto: GraphProto): Graph {
  const count = proto.node.length;
  if (count > MAX_OPERATORS) throw unsupported(`a model of ${count} operators, more than ${MAX_OPERATORS}`);
  const inputs = proto.input.map(({ name, elemType, shape }) => {
    if (!shape.every(isSize)) throw unsupported(`an input '${name}' of shape [${shape.join()}]`);
    return input(name, shape, dtypeOf(elemType));
  });
  const values = new Values();
  for (const node of inputs) values.add(node.op.name, node);
  for (const tensor of proto.initializer) values.add(tensor.name, readInitializer(tensor));
  for (const node of proto.node) {
    const [name, ...others] = node.output;
    if (name === undefined || others.length > 0) throw unsupported(`${node.opType} of ${node.output.length} outputs`);
    values.add(name, readOperation(node.opType, new Operation(node, values.all)));
  }
  const outputs = proto.output.map(({ name }) => {
    const node = values.all.get(name);
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
    const graph = readGraph(decodeModel(onnx));
    const bytes = peakBytes(graph);
    if (bytes > MAX_BYTES) {
      const needed = `${(bytes / 1e9).toFixed(1)} GB of memory at once`;
      throw unsupported(`a model that takes ${needed}, more than ${(MAX_BYTES / 1e9).toFixed(1)} GB`);
    }
    return graph;
  } catch (cause) {
    if (cause instanceof CompileError) throw cause;
    // Bytes that are no message, or shapes that do not fit.
    throw unsupported(`a damaged model (${cause instanceof Error ? cause.message : String(cause)})`);
  }
}

/**
 * The same model, written anew: nothing gets to a runtime that this compiler does not know, whoever wrote the model.
 * @param onnx of this package's compiler
 * @throws CompileError unsupported-model
 */
export function rewriteModel(onnx: Uint8Array): Uint8Array<ArrayBuffer> {
  return emit(readModel(onnx));
}
