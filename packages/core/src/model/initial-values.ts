import type { Parameter } from './manifest.ts';
import { Stream, fillNormal, fillUniform } from '../numerics/random.ts';

/** Standard deviations beyond which a truncated normal is drawn again. */
const TRUNCATED_AT = 2;

/**
 * Fills a parameter with its first values, drawn from the seed.
 * @param index number of the tensor in the manifest
 */
export function fillInitial(values: Float32Array, { initializer }: Parameter, seed: number, index: number): void {
  switch (initializer.kind) {
    case 'constant':
      values.fill(initializer.value);
      return;
    case 'uniform': {
      const uniform = new Float64Array(values.length);
      fillUniform(uniform, seed, Stream.initialWeights, 0, index);
      const { center, limit } = initializer;
      for (let i = 0; i < values.length; i++) values[i] = center + ((uniform[i] as number) * 2 - 1) * limit;
      return;
    }
    case 'normal': {
      const { mean, deviation, truncated } = initializer;
      const normal = new Float32Array(values.length);
      fillNormal(normal, seed, Stream.initialWeights, 0, index);
      if (truncated) drawAgainBeyond(normal, seed, index);
      for (let i = 0; i < values.length; i++) values[i] = mean + (normal[i] as number) * deviation;
    }
  }
}

/** What lies too far out takes its value from a further draw of all, until nothing does. */
function drawAgainBeyond(normal: Float32Array, seed: number, index: number): void {
  const isFar = (x: number) => Math.abs(x) > TRUNCATED_AT;
  const again = new Float32Array(normal.length);
  for (let draw = 1; normal.some(isFar); draw++) {
    fillNormal(again, seed, Stream.initialWeights, draw, index);
    for (let i = 0; i < normal.length; i++) if (isFar(normal[i] as number)) normal[i] = again[i] as number;
  }
}
