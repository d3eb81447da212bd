/** A named float32 tensor inside a flat vector. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Position of the first element in the flat vector. */
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
}

/**
 * How the parameters of both networks lie in flat float32 vectors. Weights, gradients and Adam's moments share the
 * layout `trainable` (the generator's 2,305,472 first, then the discriminator's 212,865); the batch-norm moving
 * statistics have the layout `movingStatistics` (mean, variance per layer).
 */
export interface ParameterManifest {
  readonly trainable: readonly Parameter[];
  readonly trainableSize: number;
  /** Where the discriminator's parameters begin in `trainable`. */
  readonly discriminatorOffset: number;
  readonly movingStatistics: readonly Parameter[];
  readonly movingStatisticsSize: number;
}

/** A parameter without its place. */
export type NamedShape = Pick<Parameter, 'name' | 'shape'>;

function layOut(list: readonly NamedShape[]): { parameters: Parameter[]; size: number } {
  let offset = 0;
  const parameters = list.map(({ name, shape }) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const parameter = { name, shape, offset, size };
    offset += size;
    return parameter;
  });
  return { parameters, size: offset };
}

/** The manifest of parameters in their order, the generator's before the discriminator's. */
export function layOutManifest(
  trainableParameters: readonly NamedShape[],
  statistics: readonly NamedShape[],
): ParameterManifest {
  const trainable = layOut(trainableParameters);
  const moving = layOut(statistics);
  const first = trainable.parameters.find(({ name }) => name.startsWith('discriminator/'));
  return {
    trainable: trainable.parameters,
    trainableSize: trainable.size,
    discriminatorOffset: first?.offset ?? trainable.size,
    movingStatistics: moving.parameters,
    movingStatisticsSize: moving.size,
  };
}

/** The part of a flat vector that holds one parameter; shares its memory. */
export function viewOf(flat: Float32Array, { offset, size }: Parameter): Float32Array {
  return flat.subarray(offset, offset + size);
}

/** What `trainingStep` calls the gradient of a parameter. */
export function gradientName(parameter: string): string {
  return `gradient/${parameter}`;
}
