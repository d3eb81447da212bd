import * as tf from '@tensorflow/tfjs-core';
import { constant } from '../build.ts';
import { CompileError } from '../errors.ts';
import type { Node } from '../graph.ts';
import { type Kernel, supportedDType } from '../kernels/kernel.ts';

/**
 * A tfjs backend whose tensors are graph nodes: it computes nothing, so tfjs's own autodiff running on it writes the
 * gradient graph.
 */
export class Recorder extends tf.KernelBackend {
  readonly #nodes = new WeakMap<object, Node>();
  #dataCount = 0;

  /** A new tensor handle for `node`. */
  handle(node: Node): tf.TensorInfo {
    const dataId = {};
    this.#nodes.set(dataId, node);
    this.#dataCount++;
    return { dataId, shape: [...node.shape], dtype: node.dtype };
  }

  /** @throws CompileError ('captured-tensor') when `tensor` does not come from this trace */
  nodeOf(tensor: tf.TensorInfo): Node {
    const node = this.#nodes.get(tensor.dataId);
    if (node !== undefined) return node;
    throw new CompileError(
      'captured-tensor',
      `the traced function uses a ${tensor.dtype} tensor of shape [${tensor.shape.join()}] from outside: ` +
        'pass it as an input or declare it in `variables`',
    );
  }

  /** `kernel` as tfjs calls it. */
  kernelFunc(kernel: Kernel): tf.KernelFunc {
    return ({ inputs, attrs }) => {
      const nodes: Record<string, Node> = {};
      for (const [name, tensor] of Object.entries(inputs)) {
        // Optional inputs (a bias) may be null or undefined.
        if (tensor) nodes[name] = this.nodeOf(tensor);
      }
      const result = kernel(nodes, attrs ?? {});
      return 'op' in result ? this.handle(result) : result.map((node) => this.handle(node));
    };
  }

  /** Only uniform values become part of the graph: anything else would silently freeze data, or a random draw, in it. */
  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const graphDType = supportedDType(dtype);
    const first = Number(values[0] ?? 0);
    if (values.some((value) => !Object.is(Number(value), first))) {
      throw new CompileError(
        'non-uniform-constant',
        `a non-uniform ${dtype} constant of shape [${shape.join()}] was made during the trace` +
          ` (in ${tf.engine().state.activeScope.name}): pass it as an input`,
      );
    }
    return this.handle(constant(first, shape, graphDType)).dataId;
  }

  override readSync(): never {
    throw new CompileError(
      'symbolic-read',
      'the traced function reads the values of a tensor (dataSync, arraySync, print…), which has none while it is traced',
    );
  }

  override read(): never {
    return this.readSync();
  }

  override numDataIds(): number {
    return this.#dataCount;
  }

  // Nodes live as long as the trace: tensors that tfjs disposes of may still be part of the graph.
  override disposeData(): boolean {
    return false;
  }

  override incRef(): void {}

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override dispose(): void {}
}
