import { sizeOf } from '@gantry/core';
import type { Pictures } from './pictures.ts';

/** Pictures that come in parts, as one; what else the first part says holds for all. @param count of them all, 1 at least */
export async function joinedPictures<T extends Pictures>(
  parts: AsyncIterable<T> | Iterable<T>,
  count: number,
): Promise<T> {
  let all: T | undefined;
  let filled = 0;
  for await (const part of parts) {
    const [, ...picture] = part.shape;
    all ??= { ...part, shape: [count, ...picture], values: new Float32Array(count * sizeOf(picture)) };
    all.values.set(part.values, filled);
    filled += part.values.length;
  }
  if (!all) throw new RangeError(`${count} pictures`);
  return all;
}
