import {
  DEFAULT_OPTIMIZERS,
  GantryError,
  resultConfigSchema,
  trainConfigSchema,
  type Schedule,
  type TrainConfig,
} from '@gantry/core';
import { z } from 'zod';

/**
 * Parts of an optimizer's settings, `warmUp` and `cosine` of its schedule among them; those of another optimizer than before
 * begin with its defaults.
 */
type GivenOptimizer = Readonly<Record<string, unknown>>;

/** Settings by name, as a user gave them; what is absent takes its default, or on resume what the run recorded. */
export type GivenConfig = { readonly [K in Exclude<keyof TrainConfig, 'optimizers'>]?: TrainConfig[K] | undefined } & {
  readonly optimizers?: Readonly<Record<keyof TrainConfig['optimizers'], GivenOptimizer>> | undefined;
};

/** `shardSize` → `--shard-size`, an optimizer's `name` → `--optimizer`: errors speak the user's language. */
function optimizerOption(key: string): string {
  return optionName(key === 'name' ? 'optimizer' : key);
}

function optionName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What was given, laid over what was before. */
function merged(before: TrainConfig | undefined, given: GivenConfig): Record<string, unknown> {
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { optimizers } = given;
  if (!optimizers) return { ...before, ...present };
  const base = before?.optimizers ?? DEFAULT_OPTIMIZERS;
  const laidOver = (network: keyof TrainConfig['optimizers']) => {
    const own = optimizers[network];
    const isAnother = own['name'] !== undefined && own['name'] !== base[network].name;
    const { warmUp, cosine, ...settings } = own;
    const kept = isAnother ? {} : base[network];
    const schedule = scheduleOver(base[network].schedule, warmUp, cosine);
    return { ...kept, ...settings, ...(schedule && { schedule }) };
  };
  const specs = { generator: laidOver('generator'), discriminator: laidOver('discriminator') };
  return { ...before, ...present, optimizers: specs };
}

/** The schedule that was before, with what was given of it. */
function scheduleOver(before: Schedule | undefined, warmUp: unknown, cosine: unknown): object | undefined {
  if (warmUp === undefined && cosine === undefined) return before;
  return {
    ...(before ?? { kind: 'constant' }),
    ...(warmUp !== undefined && { warmUpSteps: warmUp }),
    ...(cosine !== undefined && { kind: 'cosine', steps: cosine }),
  };
}

function parse(values: Record<string, unknown>): TrainConfig {
  const result = trainConfigSchema.safeParse(values);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const { path, message } = issue;
    if (path[0] !== 'optimizers') return `${optionName(String(path[0]))}: ${message}`;
    const network = String(path[1]);
    if (issue.code === 'unrecognized_keys') {
      return `${issue.keys.map(optionName).join(', ')}: the optimizer of the ${network} has no such setting`;
    }
    return `${optimizerOption(String(path[2] ?? 'name'))} of the ${network}: ${message}`;
  });
  throw new GantryError('E_CONFIG', [...new Set(problems)].join('; '));
}

/** The configuration of a new run. @throws GantryError E_CONFIG that names the options at fault */
export function newConfig(given: GivenConfig): TrainConfig {
  return parse(merged(undefined, given));
}

/** A setting for people: `64`, `none`, `sgd`. */
function settingText(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A specification with the options of its schedule among its own. */
function flattened({ schedule, ...settings }: TrainConfig['optimizers']['generator']): Record<string, unknown> {
  if (!schedule) return settings;
  return { ...settings, warmUp: schedule.warmUpSteps, ...(schedule.kind === 'cosine' && { cosine: schedule.steps }) };
}

/** Settings that fix the result, by the names under which they are compared: each setting of an optimizer has its own. */
function resultSettings(config: TrainConfig): Map<string, unknown> {
  const { optimizers, ...others } = resultConfigSchema.parse(
    Object.fromEntries(Object.keys(resultConfigSchema.shape).map((key) => [key, config[key as keyof TrainConfig]])),
  );
  const ofNetworks = Object.entries(optimizers).flatMap(([network, spec]) =>
    Object.entries(flattened(spec)).map(
      ([key, value]) => [`${optimizerOption(key)} of the ${network}`, value] as const,
    ),
  );
  return new Map<string, unknown>([
    ...Object.entries(others).map(([key, value]) => [optionName(key), value] as const),
    ...ofNetworks,
  ]);
}

/**
 * The configuration of a resumed run: the recorded one with what may change replaced.
 * @throws GantryError E_RESUME that names each given option whose change would change the result
 */
export function resumedConfig(recorded: TrainConfig, given: GivenConfig): TrainConfig {
  const wanted = parse(merged(recorded, given));
  const [before, after] = [resultSettings(recorded), resultSettings(wanted)];
  const changed = [...new Set([...after.keys(), ...before.keys()])]
    .filter((name) => settingText(before.get(name)) !== settingText(after.get(name)))
    .map((name) => `${name} ${settingText(after.get(name))} (the run has ${settingText(before.get(name))})`);
  if (changed.length > 0) {
    throw new GantryError(
      'E_RESUME',
      `cannot resume with another ${changed.join(', ')}: it would change the result; start a new run`,
    );
  }
  return wanted;
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
