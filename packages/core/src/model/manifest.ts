/**
 * Where the values of a parameter begin, as data: `constant` is one value for all; `uniform` lies between center − limit and
 * center + limit; `normal` has a mean and a standard deviation, and is drawn again beyond two deviations where it is truncated.
 */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly center: number; readonly limit: number }
  | { readonly kind: 'normal'; readonly mean: number; readonly deviation: number; readonly truncated: boolean };

/** A named float32 tensor inside a flat vector. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  /** Position of the first element in the flat vector. */
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
}

/** A moving mean or variance of a batch normalization. */
interface MovingStatistic extends Parameter {
  /** What is kept of the old value in each step, 0 … 1. */
  readonly momentum: number;
}

/**
 * An input of the training step on B samples, as data. `shape` is that of one sample.
 *
 * - `data`: what is sent with a shard, uint8, scaled to [−1, 1] as float32: [B, ...shape]
 * - `normal`: standard normals, float32; `keepMask`: a dropout mask, bool, 0 with probability `rate`. Both are drawn: B rows for
 *   each of the streams, one stream after the other, [streams·B, ...shape]
 */
export type StepInput = { readonly name: string; readonly shape: readonly number[] } & (
  | { readonly from: 'data' }
  | { readonly from: 'normal'; readonly streams: readonly number[] }
  | { readonly from: 'keepMask'; readonly streams: readonly number[]; readonly rate: number }
);

/**
 * All that those who compute, store and show need to know of a model. Weights, gradients and the optimizer's moments share the
 * layout `trainable` (the generator's parameters first, then the discriminator's); moving statistics have the layout
 * `movingStatistics` (mean, variance per layer).
 */
export interface ModelManifest {
  readonly trainable: readonly Parameter[];
  readonly trainableSize: number;
  /** Where the discriminator's parameters begin in `trainable`. */
  readonly discriminatorOffset: number;
  readonly movingStatistics: readonly MovingStatistic[];
  readonly movingStatisticsSize: number;
  readonly inputs: readonly StepInput[];
  /** Names of the sums over samples that a step reports, each a scalar output of the training step. */
  readonly sums: readonly string[];
}

/** A parameter without its place. */
type Unplaced<P extends Parameter> = Omit<P, 'offset' | 'size'>;

/** What a manifest is made of: lists in their order, the generator's parameters before the discriminator's. */
export interface ManifestParts {
  readonly trainable: readonly Unplaced<Parameter>[];
  readonly movingStatistics: readonly Unplaced<MovingStatistic>[];
  readonly inputs: readonly StepInput[];
  readonly sums: readonly string[];
}

/** Number of elements of a tensor. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function layOut<P extends Parameter>(list: readonly Unplaced<P>[]): { parameters: P[]; size: number } {
  let offset = 0;
  const parameters = list.map((each) => {
    const size = sizeOf(each.shape);
    const parameter = { ...each, offset, size } as P;
    offset += size;
    return parameter;
  });
  return { parameters, size: offset };
}

export function layOutManifest({ trainable, movingStatistics, inputs, sums }: ManifestParts): ModelManifest {
  const placed = layOut<Parameter>(trainable);
  const moving = layOut<MovingStatistic>(movingStatistics);
  const first = placed.parameters.find(({ name }) => name.startsWith('discriminator/'));
  return {
    trainable: placed.parameters,
    trainableSize: placed.size,
    discriminatorOffset: first?.offset ?? placed.size,
    movingStatistics: moving.parameters,
    movingStatisticsSize: moving.size,
    inputs,
    sums,
  };
}

/** The part of a flat vector that holds one parameter; shares its memory. */
export function viewOf(flat: Float32Array, { offset, size }: Pick<Parameter, 'offset' | 'size'>): Float32Array {
  return flat.subarray(offset, offset + size);
}

/** What `trainingStep` calls the gradient of a parameter. */
export function gradientName(parameter: string): string {
  return `gradient/${parameter}`;
}
