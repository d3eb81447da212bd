import { contributionLayout, phaseAt } from '@gantry/core';
import { fitStar, isFittable, predictMs, type StarModel } from './star-model.ts';
import type { Point, Visit } from './star-point.ts';
import { spread, type Spread } from './statistics.ts';

/** What travels in a step. */
export interface Bytes {
  /** To the coordinator, for each shard. */
  readonly leaf: number;
  /** From it, to each worker. */
  readonly weights: number;
}

/** What was measured at a point: of the visit that whatever else ran on the machine disturbed least. */
export interface PointFigures extends Point, Omit<Visit, 'stepMs'> {
  readonly stepMs: Spread;
}

export interface StarFigures extends StarModel {
  /** What unmasking adds for each leaf, ms; 0 unless a masked point was visited beside the same one unmasked. */
  readonly unmask: number;
}

export async function bytesOfStep(): Promise<Bytes> {
  // Brings tfjs along, which other benchmarks and a refusal can do without.
  const { modelManifest } = await import('@gantry/models');
  const manifest = modelManifest();
  return { leaf: contributionLayout(manifest, phaseAt(manifest, 0)).length * 4, weights: manifest.trainableSize * 4 };
}

export function figuresOf(point: Point, visits: readonly Visit[]): PointFigures | undefined {
  const [calmest] = visits.toSorted((a, b) => a.stolen - b.stolen);
  return calmest && { ...point, ...calmest, stepMs: spread(calmest.stepMs) };
}

/** Fits the model to the points whose workers answer at once; undefined where these do not tell its parts from another. */
export function fitFigures(figures: readonly PointFigures[]): StarFigures | undefined {
  const fitted = figures.filter(({ masked, delayMs }) => !masked && delayMs === 0);
  if (!isFittable(fitted)) return undefined;
  const masked = figures.find((each) => each.masked && each.delayMs === 0);
  const same = fitted.find(({ workers, leaves }) => workers === masked?.workers && leaves === masked.leaves);
  const unmask = masked && same ? (masked.eventLoopMs - same.eventLoopMs) / masked.leaves : 0;
  return { ...fitStar(fitted), unmask: Math.max(0, unmask) };
}

/** The least that a step takes at a point, by the model. */
export function predictedMs(model: StarFigures, point: Point): number {
  return predictMs(model, point) + (point.masked ? model.unmask * point.leaves : 0);
}
