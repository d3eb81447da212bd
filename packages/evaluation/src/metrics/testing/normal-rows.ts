import { fillNormal } from '@gantry/core';

/** Independent standard normals, the same for the same seed. @returns [count,size] */
export function normalRows(count: number, size: number, seed: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(count * size);
  fillNormal(rows, seed, 0, 0, 0);
  return rows;
}
