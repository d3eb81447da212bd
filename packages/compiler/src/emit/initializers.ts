import type { DType, Shape } from '../graph.ts';
import type { TensorProto } from './model-file.ts';

/** ONNX's TensorProto.DataType. */
export const ELEMENT_TYPE: Readonly<Record<DType | 'int64', number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

/** Constant tensors of a model; small ones are stored once, under a name derived from their content. */
export class Initializers {
  readonly #byName = new Map<string, TensorProto>();

  /** A vector of int64 (a shape, axes…). Returns its name. */
  int64(values: readonly number[]): string {
    const bytes = new DataView(new ArrayBuffer(8 * values.length));
    for (const [i, value] of values.entries()) bytes.setBigInt64(8 * i, BigInt(value), true);
    return this.#add(`%int64[${values.join()}]`, [values.length], 'int64', bytes);
  }

  /** A scalar. Returns its name. */
  scalar(value: number, dtype: DType): string {
    const bytes = new DataView(new ArrayBuffer(dtype === 'bool' ? 1 : 4));
    switch (dtype) {
      case 'float32':
        bytes.setFloat32(0, value, true);
        break;
      case 'int32':
        bytes.setInt32(0, value, true);
        break;
      case 'bool':
        bytes.setUint8(0, value);
        break;
    }
    // String(-0) is '0'.
    return this.#add(`%${dtype}(${Object.is(value, -0) ? '-0' : value})`, [], dtype, bytes);
  }

  /** A float32 tensor of different values, row-major. Returns its name. */
  table(values: readonly number[], shape: Shape): string {
    const bytes = new DataView(new ArrayBuffer(4 * values.length));
    for (const [i, value] of values.entries()) bytes.setFloat32(4 * i, value, true);
    return this.#add(`%table${this.#byName.size}`, shape, 'float32', bytes);
  }

  all(): readonly TensorProto[] {
    return [...this.#byName.values()];
  }

  #add(name: string, dims: Shape, dtype: DType | 'int64', { buffer }: DataView<ArrayBuffer>): string {
    this.#byName.set(name, { name, dims, dataType: ELEMENT_TYPE[dtype], rawData: new Uint8Array(buffer) });
    return name;
  }
}
