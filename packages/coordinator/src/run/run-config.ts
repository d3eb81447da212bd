import { createRequire } from 'node:module';
import { CONVOLUTION_FORMS } from '@gantry/compiler/convolution-forms';
import {
  GantryError,
  defaultOptimizers,
  optimizerSpecSchema,
  plainText,
  resultConfigSchema,
  scheduleSchema,
  trainConfigSchema,
  type TrainConfig,
} from '@gantry/core';
import { PICTURE_ENGINES } from '@gantry/evaluation/picture-engines';
import { z } from 'zod';
import { parseSealedJson, type SealedJson } from '../storage/sealed-json.ts';
import { overlaid, valueAt, withNetworks, type ConfigSource, type GivenConfig } from './given-config.ts';

/** What a new run trains. @param sources later ones win @throws GantryError E_CONFIG if it is no name */
export function modelAsked(sources: readonly ConfigSource[]): string {
  const given = sources.filter(({ settings }) => settings['model'] !== undefined);
  const { model } = given.at(-1)?.settings ?? {};
  return parse(modelSchema, { ...(model !== undefined && { model }) }, given).model;
}

const modelSchema = trainConfigSchema.pick({ model: true });

/**
 * The configuration of a new run: the defaults with what was given laid over them.
 * @param sources later ones win
 * @param networks those of the model: each has an optimizer
 * @throws GantryError E_CONFIG that names the settings at fault, also those that another source overrides
 */
export function newConfig(sources: readonly ConfigSource[], networks: readonly string[]): TrainConfig {
  return laidOver({ optimizers: defaultOptimizers(networks) }, withNetworks(sources, networks));
}

/**
 * The configuration of a resumed run: the recorded one with what may change replaced.
 * @param given later ones win
 * @throws GantryError E_CONFIG like `newConfig`; E_RESUME that names each given setting whose change would change the
 * result
 */
export function resumedConfig(recorded: TrainConfig, given: readonly ConfigSource[]): TrainConfig {
  const sources = withNetworks(given, Object.keys(recorded.optimizers));
  const wanted = laidOver({ ...recorded, optimizers: { ...recorded.optimizers } }, sources);
  const changes = changesOf(recorded, wanted, sources);
  if (changes.length > 0) {
    throw new GantryError(
      'E_RESUME',
      `cannot resume with another ${changes.join(', ')}: it would change the result; start a new run`,
    );
  }
  return wanted;
}

/** @param base with an optimizer for each network of the model */
function laidOver(base: GivenConfig, sources: readonly ConfigSource[]): TrainConfig {
  const networks = Object.keys(base.optimizers ?? {});
  const optimizers = z.strictObject(Object.fromEntries(networks.map((network) => [network, optimizerSpecSchema])));
  const schema = trainConfigSchema.extend({ optimizers });
  // Each source is checked where it wins, too: a mistake must not hide behind the value of another one.
  for (const source of sources) {
    parse(schema, merged(base, [...sources.filter((other) => other !== source), source]), sources, networks);
  }
  return parse(schema, merged(base, sources), sources, networks);
}

function merged(base: GivenConfig, sources: readonly ConfigSource[]): GivenConfig {
  // What is given comes together first: settings that name no optimizer belong to the one that another source names.
  const given = sources.reduce<GivenConfig>((before, { settings }) => overlaid(before, settings), {});
  const { optimizers = {}, ...others } = overlaid(base, given);
  const complete = Object.entries(optimizers).map(([network, { schedule, ...spec }]) => [
    network,
    { ...spec, ...(schedule && { schedule: { kind: 'constant', ...schedule } }) },
  ]);
  return { ...others, optimizers: Object.fromEntries(complete) };
}

function parse<T>(
  schema: z.ZodType<T>,
  values: GivenConfig,
  sources: readonly ConfigSource[],
  networks: readonly string[] = [],
): T {
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  /** By setting, the first of each: others follow from it. */
  const problems = new Map<string, string>();
  const note = (path: readonly string[], problem: string) => {
    // Where a setting is missing, who gave those around it has to give it.
    const source = sourceOf(path, values, sources) ?? sourceOf(path.slice(0, -1), values, sources);
    const name = source?.describe(path) ?? path.join('.');
    if (!problems.has(name)) problems.set(name, problem);
  };
  for (const issue of result.error.issues) {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) note([...path, key], unknownSetting(path, values, networks));
    } else {
      const problem = issue.message.replace(/^(Invalid input|Too small|Too big): /, '');
      note(path, problem.replace(/received undefined$/, 'there is none'));
    }
  }
  const lines = [...new Set(problems.values())].map((problem) => {
    const names = [...problems].filter(([, of]) => of === problem).map(([name]) => name);
    return `${names.join(', ')}: ${problem}`;
  });
  throw new GantryError('E_CONFIG', lines.join('; '));
}

/** Why there is no setting of that name among others. */
function unknownSetting(parent: readonly string[], values: GivenConfig, networks: readonly string[]): string {
  const [, network, inside] = parent;
  const have = (shape: object | undefined) => Object.keys(shape ?? {}).join(', ');
  if (parent.length === 0) return `there is no such setting; there are ${have(trainConfigSchema.shape)}`;
  if (network === undefined) return `there is no such network; there are ${networks.join(', ')}`;
  const name = valueAt(values, [...parent, inside === undefined ? 'name' : 'kind']);
  if (inside === undefined) {
    const spec = optimizerSpecSchema.options.find(({ shape }) => shape.name.value === name);
    return `the optimizer ${String(name)} has no such setting; it has ${have(spec?.shape)}`;
  }
  const schedule = scheduleSchema.options.find(({ shape }) => shape.kind.value === name);
  return `a ${String(name)} schedule has no such setting; it has ${have(schedule?.shape)}`;
}

/** Who gave the value that a setting has; undefined if it is the run's or a default. */
function sourceOf(path: readonly string[], values: unknown, sources: readonly ConfigSource[]) {
  const value = valueAt(values, path);
  if (value === undefined) return undefined;
  return sources.findLast(({ settings }) => {
    const given = valueAt(settings, path);
    return typeof value === 'object' ? given !== undefined : given === value;
  });
}

/** Settings with another value than before which changes the result, as who gave them calls them. */
function changesOf(recorded: TrainConfig, wanted: TrainConfig, sources: readonly ConfigSource[]): string[] {
  const [before, after] = [resultSettings(recorded), resultSettings(wanted)];
  const given = new Map<string, string>();
  const implied: string[] = [];
  for (const key of new Set([...after.keys(), ...before.keys()])) {
    const [has, wants] = [settingText(before.get(key)), settingText(after.get(key))];
    if (has === wants) continue;
    const path = key.split('.');
    const source = sourceOf(path, wanted, sources);
    // An option may set more than one setting, of which the last says most.
    if (source) given.set(source.describe(path), `${source.describe(path, wants)} (the run has ${has})`);
    else implied.push(`${key} ${wants} (the run has ${has})`);
  }
  // Another optimizer has other settings: who gave only its name did not ask for those.
  return given.size > 0 ? [...given.values()] : implied;
}

/** A setting for people: `64`, `none`, `sgd`. */
function settingText(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Settings that fix the result, by their paths with dots between. No schedule is a constant one. */
function resultSettings(config: TrainConfig): Map<string, unknown> {
  const { optimizers, ...others } = resultConfigSchema.strip().parse(config);
  const specs = Object.entries(optimizers).map(([network, spec]) => [
    network,
    { schedule: scheduleSchema.parse({ kind: 'constant' }), ...spec },
  ]);
  return new Map(leaves({ ...others, optimizers: Object.fromEntries(specs) as unknown }));
}

function leaves(value: object): [path: string, value: unknown][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === 'object' && inner !== null
      ? leaves(inner).map(([path, leaf]): [string, unknown] => [`${key}.${path}`, leaf])
      : [[key, inner]],
  );
}

/** Of Gantry. */
export const { version } = createRequire(import.meta.url)('#package.json') as { version: string };

/**
 * Goes up with each change that an older version would misread. Checkpoints have a format of their own. From 2 on,
 * run.json and each line of the .jsonl files have a checksum.
 */
export const RUN_FORMAT = 2;

/** What run.json holds, besides a checksum of itself. */
export const runJsonSchema = z.object({
  /** Absent in the first edition of it. */
  format: z.literal(RUN_FORMAT),
  created: z.iso.datetime(),
  config: trainConfigSchema,
  data: z.object({
    source: z.string(),
    sha256: z.string(),
    images: z.int(),
    /** What decoded them, with its version, where they lay in files of their own. */
    decoder: z.string().exactOptional(),
    /** How many classes they have, where that is known. */
    classes: z.int().exactOptional(),
    /** The sha256 of the labels, where the model is trained with them. */
    labels: z.string().exactOptional(),
    /** The sha256 of the test images that evaluations compare with, where there are some. */
    heldOut: z.string().exactOptional(),
  }),
  versions: z.record(z.string(), z.string()),
  /** Of a model that does not ship with Gantry: by what the same is known again, and what is stored of it. */
  program: z
    .object({
      /** Of its manifest and its compiled phases. */
      sha256: z.string(),
      /** Absolute path of the file that defines it. */
      file: z.string().exactOptional(),
      /** The sha256 of each file of the run that it is drawn by. */
      files: z.record(z.string(), z.string()),
    })
    .exactOptional(),
  /** Where the first weights came from, where they were not drawn. */
  initFrom: z
    .object({
      /** Absolute path of a run or a checkpoint. */
      source: z.string(),
      /** Steps that were done there. */
      step: z.int(),
      /** How many of the model's tensors, out of how many, began with values of there. */
      taken: z.int(),
      of: z.int(),
      /** The digest of all first weights. */
      weights: z.string(),
    })
    .exactOptional(),
  parameters: z.array(z.object({ name: z.string(), shape: z.array(z.int()) })),
  /** What computed, in the order in which it came: workers of one class round alike. */
  numericClasses: z.array(
    z.object({
      class: z.string(),
      engine: z.string(),
      device: z.string(),
      /** What confirms the class: the hash of gradients of the probe shard. */
      probe: z.string().exactOptional(),
    }),
  ),
  /** Whether workers of that class give the same weights again, bit for bit: there was only one. Absent before the first step. */
  bitIdentical: z.boolean().optional(),
  /** In which form GPUs compute convolutions, by kind of device: what was chosen when the first of a kind came. */
  convolutions: z.record(z.string(), z.enum(CONVOLUTION_FORMS)).exactOptional(),
  /** What draws the pictures. Absent in earlier versions: ONNX Runtime did. */
  pictures: z.enum(PICTURE_ENGINES).exactOptional(),
  /** Set while the run goes back to where so many steps are done: later checkpoints are of no use. */
  goingBackTo: z.int().optional(),
  /** Steps, from 1, in which a worker that lied may have had a hand, where the run did not go back. */
  tainted: z.array(z.object({ worker: z.string(), first: z.int(), last: z.int() })).optional(),
  /** By which damage to the files of the tokens is found: a part of the sha256 of each, which tells nothing of a token. */
  tokens: z.object({ work: z.string(), control: z.string() }).optional(),
});
export type RunJson = z.infer<typeof runJsonSchema>;

/** What every version of run.json tells of itself. */
const originSchema = z.object({
  format: z.int().default(1),
  versions: z.object({ gantry: z.string().max(100).default('of an unknown version') }),
});

/**
 * What a run.json holds.
 * @param file for messages
 * @throws GantryError E_RUN_DIRECTORY in one line: a byte of it is not as it was written, another version wrote it in another
 *   format, or a field is wrong
 */
export function parseRunJson(text: string, file = 'run.json'): RunJson {
  const { json, seal } = parsedText(text, file);
  if (seal === 'broken') throw damaged(file, 'it does not match its checksum');
  const origin = originSchema.safeParse(json).data;
  const writer = plainText(origin?.versions.gantry ?? version);
  if (origin && origin.format !== RUN_FORMAT) {
    throw refusal(
      `${file}: Gantry ${writer} wrote it in format ${origin.format}, and this is Gantry ${version}, ` +
        `which reads format ${RUN_FORMAT}: go on with ${writer === version ? 'an older build of it' : `Gantry ${writer}`}`,
    );
  }
  if (seal === 'none') throw damaged(file, 'it has no checksum');
  const { data, error } = runJsonSchema.safeParse(json);
  if (data) return data;
  const [issue] = error.issues;
  const where = issue?.path.map(String).join('.') ?? '';
  const by = writer === version ? '' : ` (Gantry ${writer} wrote it, and this is Gantry ${version})`;
  throw refusal(`${file}: ${[where, issue?.message].filter(Boolean).join(': ')}${by}`);
}

function parsedText(text: string, file: string): SealedJson {
  try {
    return parseSealedJson(text);
  } catch (cause) {
    // Its message quotes the text, over several lines.
    throw damaged(file, 'it is not JSON', cause);
  }
}

function damaged(file: string, how: string, cause?: unknown): GantryError {
  return new GantryError('E_RUN_DIRECTORY', `${file} is damaged: ${how}; restore it from a copy`, { cause });
}

function refusal(message: string): GantryError {
  return new GantryError('E_RUN_DIRECTORY', message);
}
