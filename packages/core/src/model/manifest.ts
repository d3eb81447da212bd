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
 * An input of a phase on a batch of B samples, as data. `shape` is that of one sample.
 *
 * - `data`: what is sent with a unit, uint8, scaled to [−1, 1] as float32: [B, ...shape]
 * - `label`: the class of each sample, sent as one byte behind its data; one-hot as float32: [B, classes]. A byte that is no
 *   class gives a row of zeros
 * - draws, which are not sent: `normal`, standard normals, float32; `uniform`, numbers between 0 and 1, float32; `keepMask`,
 *   a dropout mask, bool, 0 with probability `rate`. B rows for each of the streams, one stream after the other: [streams·B, ...shape]. A row is a pure function of
 *   (seed, stream, step, iteration, sample)
 */
export type PhaseInput = DataInput | LabelInput | Draw;

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}
export type DataInput = Named & { readonly from: 'data' };
/** Its shape is [classes]. */
export type LabelInput = Named & { readonly from: 'label' };
export type Draw = Named & { readonly streams: readonly number[] } & (
    { readonly from: 'normal' | 'uniform' } | { readonly from: 'keepMask'; readonly rate: number }
  );

/** What a round of training computes, as data: its programs take these inputs and give a contribution. */
export interface PhaseManifest {
  readonly name: string;
  /** Rounds of it in a step, 1 or more. */
  readonly times: number;
  /** Networks whose weights it changes. */
  readonly updates: readonly string[];
  readonly inputs: readonly PhaseInput[];
  /** Names of the sums over samples that it reports, each a scalar output of its programs. */
  readonly sums: readonly string[];
}

/** A range of a flat vector. */
export interface Section {
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
}

/** A network, and where its parameters lie in the flat vectors. */
export interface NetworkManifest {
  readonly name: string;
  /** In `trainable`. */
  readonly weights: Section;
  /** In `movingStatistics`. */
  readonly statistics: Section;
}

/**
 * All that those who compute, store and show need to know of a model. Weights, gradients and the optimizer's moments share the
 * layout `trainable`, network by network; moving statistics have the layout `movingStatistics` (mean, variance per layer).
 */
export interface ModelManifest {
  /** The model's name. */
  readonly model: string;
  readonly networks: readonly NetworkManifest[];
  readonly trainable: readonly Parameter[];
  readonly trainableSize: number;
  readonly movingStatistics: readonly MovingStatistic[];
  readonly movingStatisticsSize: number;
  /** In the order of a step. */
  readonly phases: readonly PhaseManifest[];
}

/** A parameter without its place. */
type Unplaced<P extends Parameter> = Omit<P, 'offset' | 'size'>;

/** What a manifest is made of: lists in their order, each network's parameters together, `NETWORK/…` their names. */
export interface ManifestParts {
  readonly model: string;
  readonly trainable: readonly Unplaced<Parameter>[];
  readonly movingStatistics: readonly Unplaced<MovingStatistic>[];
  readonly phases: readonly PhaseManifest[];
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

/** The network that a parameter belongs to. @throws RangeError if its name does not begin with a network's */
export function networkOf({ name }: { readonly name: string }): string {
  const end = name.indexOf('/');
  if (end < 1) throw new RangeError(`the parameter ${name} belongs to no network`);
  return name.slice(0, end);
}

/** Where the parameters of one network lie. @throws RangeError if another's lie between them */
function sectionOf(network: string, parameters: readonly Parameter[]): Section {
  const own = parameters.filter((each) => networkOf(each) === network);
  const offset = own[0]?.offset ?? 0;
  const size = own.reduce((sum, each) => sum + each.size, 0);
  const last = own.at(-1);
  if (last && last.offset + last.size !== offset + size) throw new RangeError(`parameters of ${network} lie apart`);
  return { offset, size };
}

/** @throws RangeError if the parameters of a network do not lie together, or belong to none */
export function layOutManifest({ model, trainable, movingStatistics, phases }: ManifestParts): ModelManifest {
  const placed = layOut<Parameter>(trainable);
  const moving = layOut<MovingStatistic>(movingStatistics);
  const names = [...new Set(trainable.map(networkOf))];
  const stray = movingStatistics.find((each) => !names.includes(networkOf(each)));
  if (stray) throw new RangeError(`${stray.name} belongs to a network without parameters`);
  return {
    model,
    networks: names.map((name) => ({
      name,
      weights: sectionOf(name, placed.parameters),
      statistics: sectionOf(name, moving.parameters),
    })),
    trainable: placed.parameters,
    trainableSize: placed.size,
    movingStatistics: moving.parameters,
    movingStatisticsSize: moving.size,
    phases,
  };
}

/** Rounds of a step: all phases, each so many times. */
export function roundsPerStep({ phases }: Pick<ModelManifest, 'phases'>): number {
  return phases.reduce((sum, { times }) => sum + times, 0);
}

/** The phase of a step's round. @param iteration from 0 within the step @throws RangeError beyond the step's rounds */
export function phaseAt({ phases }: Pick<ModelManifest, 'phases'>, iteration: number): PhaseManifest {
  let first = 0;
  for (const phase of phases) {
    first += phase.times;
    if (iteration < first) return phase;
  }
  throw new RangeError(`a step has ${first} rounds; there is no round ${iteration}`);
}

/** @throws RangeError if there is no such network */
export function networkNamed({ networks }: Pick<ModelManifest, 'networks'>, name: string): NetworkManifest {
  const network = networks.find((each) => each.name === name);
  if (!network) throw new RangeError(`there is no network ${name}`);
  return network;
}

/** @throws RangeError if there is no such phase */
export function phaseNamed({ phases }: Pick<ModelManifest, 'phases'>, name: string): PhaseManifest {
  const phase = phases.find((each) => each.name === name);
  if (!phase) throw new RangeError(`there is no phase ${name}`);
  return phase;
}

/** The part of a flat vector that holds one parameter or section; shares its memory. */
export function viewOf(flat: Float32Array, { offset, size }: Section): Float32Array {
  return flat.subarray(offset, offset + size);
}

/** What a phase's programs call the gradient of a parameter. */
export function gradientName(parameter: string): string {
  return `gradient/${parameter}`;
}
