import { GantryError, resultConfigSchema, trainConfigSchema, type TrainConfig } from '@gantry/core';
import { z } from 'zod';

/** Settings by name, as a user gave them; what is absent takes its default, or on resume what the run recorded. */
export type GivenConfig = { readonly [K in keyof TrainConfig]?: TrainConfig[K] | undefined };

/** `shardSize` → `--shard-size`: errors speak the user's language. */
function optionName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function withoutAbsent(given: GivenConfig): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function parse(values: Record<string, unknown>): TrainConfig {
  const result = trainConfigSchema.safeParse(values);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${optionName(String(path[0]))}: ${message}`);
  throw new GantryError('E_CONFIG', problems.join('; '));
}

/** The configuration of a new run. @throws GantryError E_CONFIG that names the options at fault */
export function newConfig(given: GivenConfig): TrainConfig {
  return parse(withoutAbsent(given));
}

/**
 * The configuration of a resumed run: the recorded one with what may change replaced.
 * @throws GantryError E_RESUME that names each given option whose change would change the result
 */
export function resumedConfig(recorded: TrainConfig, given: GivenConfig): TrainConfig {
  const wanted = withoutAbsent(given);
  const changed = Object.keys(resultConfigSchema.shape)
    .filter((key) => key in wanted && wanted[key] !== recorded[key as keyof TrainConfig])
    .map(
      (key) =>
        `${optionName(key)} ${String(wanted[key])} (the run has ${recorded[key as keyof TrainConfig] ?? 'no limit'})`,
    );
  if (changed.length > 0) {
    throw new GantryError(
      'E_RESUME',
      `cannot resume with another ${changed.join(', ')}: it would change the result; start a new run`,
    );
  }
  return parse({ ...recorded, ...wanted });
}

/** What run.json holds. */
export const runJsonSchema = z.object({
  created: z.iso.datetime(),
  config: trainConfigSchema,
  data: z.object({ source: z.string(), sha256: z.string(), images: z.int() }),
  versions: z.record(z.string(), z.string()),
  parameters: z.array(z.object({ name: z.string(), shape: z.array(z.int()) })),
  /** What computed, in the order in which it came: workers of one class round alike. */
  numericClasses: z.array(z.object({ class: z.string(), engine: z.string(), device: z.string() })).default([]),
  /** Whether workers of that class give the same weights again, bit for bit: there was only one. Absent before the first step. */
  bitIdentical: z.boolean().optional(),
});
export type RunJson = z.infer<typeof runJsonSchema>;
