import { z } from 'zod';
import { cosSinTurns } from '../numerics/elementary.ts';

/**
 * Steps in which the rate rises to the learning rate in equal parts (Goyal et al., 2017). The first step has one part,
 * since at a rate of 0 it would be lost; the last has all.
 */
const warmUpStepsSchema = z.int().min(0).default(0);

/** A learning rate's schedule, as data. */
export const scheduleSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('constant'), warmUpSteps: warmUpStepsSchema }),
    /** Half a period of a cosine (Loshchilov and Hutter, 2017, without restarts). */
    z.strictObject({
      kind: z.literal('cosine'),
      warmUpSteps: warmUpStepsSchema,
      /** Steps from the end of the warm-up until the rate is at its lowest, where it stays. */
      steps: z.int().min(1),
      /** The lowest rate, as a part of the learning rate: 0 … 1. */
      finalFraction: z.number().min(0).max(1).default(0),
    }),
  ],
  { error: 'expected constant or cosine' },
);
export type Schedule = z.infer<typeof scheduleSchema>;

/**
 * The rate of a step, with the same bits on every machine: ECMAScript leaves the last ones of `Math.cos` to the engine.
 * @param learningRate the highest rate
 * @param schedule constant without a warm-up where absent
 * @param step steps done before, from 0
 * @returns 0 … learningRate, in float64
 */
export function rateAt(learningRate: number, schedule: Schedule | undefined, step: number): number {
  if (!schedule) return learningRate;
  const { warmUpSteps } = schedule;
  if (step < warmUpSteps) return learningRate * ((step + 1) / warmUpSteps);
  switch (schedule.kind) {
    case 'constant':
      return learningRate;
    case 'cosine':
      return learningRate * cosineFraction(schedule.finalFraction, (step - warmUpSteps) / schedule.steps);
  }
}

/** From 1 at the beginning to `final` at `progress` 1 and later, both exactly. */
function cosineFraction(final: number, progress: number): number {
  const cosSin = new Float64Array(2);
  cosSinTurns(Math.min(progress, 1) / 2, cosSin);
  return final + (1 - final) * (0.5 * (1 + (cosSin[0] as number)));
}
