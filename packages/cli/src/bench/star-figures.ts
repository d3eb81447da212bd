import { DEFAULT_OPTIMIZERS, RoundShapes, encodedBytes, type Wire } from '@gantry/core';
import { fitStar, isFittable, predictMs, type StarModel } from './star-model.ts';
import type { Point, Visit } from './star-point.ts';
import { spread, type Spread } from './statistics.ts';

/** What travels in a round, in bytes. */
export interface Bytes {
  /** To the coordinator, for each shard. */
  readonly leaf: number;
  /** From it, to each worker. */
  readonly weights: number;
  /** Of a leaf as float32. */
  readonly leafFloats: number;
}

/** Rounds that cost alike: local steps are many or none, and contributions and weights travel by one wire. */
export interface RoundKind {
  readonly isLocal: boolean;
  readonly wire: Wire;
}

/** What the coordinator takes for rounds of a kind. */
export interface KindFigures extends RoundKind {
  readonly bytes: Bytes;
  /** Absent where the points visited do not tell its parts apart. */
  readonly model?: StarFigures;
}

/** What was measured at a point: of the visit that whatever else ran on the machine disturbed least. */
export interface PointFigures extends Point, Omit<Visit, 'stepMs'> {
  readonly stepMs: Spread;
}

export interface StarFigures extends StarModel {
  /** What unmasking adds for each leaf, ms; 0 unless a masked point was visited beside the same one unmasked. */
  readonly unmask: number;
}

function kindOf({ localSteps, wire }: Pick<Point, 'localSteps' | 'wire'>): RoundKind {
  return { isLocal: localSteps > 1, wire };
}

export function isOfKind(point: Pick<Point, 'localSteps' | 'wire'>, { isLocal, wire }: RoundKind): boolean {
  return point.localSteps > 1 === isLocal && point.wire === wire;
}

/** Each kind of round among the points, with what was measured of it. */
export async function figuresByKind(figures: readonly PointFigures[]): Promise<KindFigures[]> {
  const kinds = figures
    .map(kindOf)
    .filter(
      ({ isLocal, wire }, i, all) => all.findIndex((each) => each.isLocal === isLocal && each.wire === wire) === i,
    );
  return Promise.all(
    kinds.map(async (kind) => {
      const model = fitFigures(figures.filter((point) => isOfKind(point, kind)));
      return { ...kind, bytes: await bytesOfRound(kind), ...(model && { model }) };
    }),
  );
}

async function bytesOfRound({ isLocal, wire }: RoundKind): Promise<Bytes> {
  // Brings tfjs along, which other benchmarks and a refusal can do without.
  const { modelManifest } = await import('@gantry/models');
  const spec = { wire, localSteps: isLocal ? 2 : 1, localFrom: 0, flip: false, optimizers: DEFAULT_OPTIMIZERS };
  const shapes = new RoundShapes(modelManifest(), spec);
  const [leaf, weights] = [shapes.contribution(0), shapes.published(0)];
  return {
    leaf: encodedBytes(wire, leaf.length, leaf.compact),
    weights: encodedBytes(wire, weights.length, weights.compact),
    leafFloats: encodedBytes('float32', leaf.length, leaf.compact),
  };
}

export function figuresOf(point: Point, visits: readonly Visit[]): PointFigures | undefined {
  const [calmest] = visits.toSorted((a, b) => a.stolen - b.stolen);
  return calmest && { ...point, ...calmest, stepMs: spread(calmest.stepMs) };
}

/**
 * Fits the model to the points whose workers answer at once; undefined where these do not tell its parts from another.
 */
function fitFigures(figures: readonly PointFigures[]): StarFigures | undefined {
  const fitted = figures.filter(({ masked, delayMs }) => !masked && delayMs === 0);
  if (!isFittable(fitted)) return undefined;
  const masked = figures.find((each) => each.masked && each.delayMs === 0);
  const same = fitted.find(({ workers, leaves }) => workers === masked?.workers && leaves === masked.leaves);
  const unmask = masked && same ? (masked.eventLoopMs - same.eventLoopMs) / masked.leaves : 0;
  return { ...fitStar(fitted), unmask: Math.max(0, unmask) };
}

/** The least that a round takes at a point, by the model. */
export function predictedMs(model: StarFigures, point: Point): number {
  return predictMs(model, point) + (point.masked ? model.unmask * point.leaves : 0);
}
