import { constant, table } from '../build.ts';
import { ELEMENT_TYPE } from '../emit/initializers.ts';
import type { TensorProto } from '../emit/model-file.ts';
import { CompileError } from '../errors.ts';
import type { DType, Node } from '../graph.ts';
import { at, sizeOf } from '../shapes.ts';

/** Whether a tensor's axis can have this size: none is empty. */
export const isSize = (size: number): boolean => Number.isSafeInteger(size) && size > 0;

export const unsupported = (what: string) => new CompileError('unsupported-model', what);

/** @param elementType ONNX's TensorProto.DataType */
export function dtypeOf(elementType: number): DType {
  const dtype = (['float32', 'int32', 'bool'] as const).find((candidate) => ELEMENT_TYPE[candidate] === elementType);
  if (dtype === undefined) throw unsupported(`tensors of ONNX's element type ${elementType}`);
  return dtype;
}

/** An initializer: numbers that shape an operator (int64), or a constant of the graph. */
export function readInitializer({ dims, dataType, rawData }: TensorProto): readonly number[] | Node {
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const size = sizeOf(dims);
  const read = (width: number, get: (offset: number) => number): number[] => {
    if (rawData.byteLength !== size * width) throw unsupported('an initializer whose data do not fill its shape');
    return Array.from({ length: size }, (_, i) => get(i * width));
  };
  if (dataType === ELEMENT_TYPE.int64) return read(8, (offset) => Number(view.getBigInt64(offset, true)));
  if (!dims.every(isSize)) throw unsupported(`an initializer of shape [${dims.join()}]`);
  const dtype = dtypeOf(dataType);
  if (dtype === 'float32') {
    const values = read(4, (offset) => view.getFloat32(offset, true));
    return dims.length === 0 ? constant(at(values, 0)) : table(values, dims);
  }
  if (dims.length > 0) throw unsupported(`an initializer of ${dtype} that is no scalar`);
  const [value = 0] =
    dtype === 'int32' ? read(4, (offset) => view.getInt32(offset, true)) : read(1, (offset) => view.getUint8(offset));
  return constant(value, [], dtype);
}
