import { z } from 'zod';
import { scheduleSchema } from './schedule.ts';

/** What a moment keeps of itself in a step. */
export const decaySchema = z
  .number()
  .min(0)
  .lt(1)
  .refine((value) => Math.fround(value) < 1, 'it has to be less than 1, in float32');

/** It is used in float32: not infinite there, and more than 0. */
export const positiveFloat32Schema = z
  .float32()
  .refine((value) => Math.fround(value) > 0, 'it has to be more than 0, in float32');

/** What the data of every optimizer have in common. */
export const commonFields = {
  /** How the learning rate changes; it is constant where absent. */
  schedule: scheduleSchema.optional(),
  /** The largest norm of a network's mean gradient, see `clipFactor`; any where absent. */
  clipNorm: z.number().positive().optional(),
};
