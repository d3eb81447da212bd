import { join } from 'node:path';
import {
  GantryError,
  decodeSafetensors,
  encodeSafetensors,
  networkNamed,
  networkOf,
  ownNumbers,
  viewOf,
  type NamedTensor,
  type OptimizerState,
  type Parameter,
  type ModelManifest,
  type TrainingState,
  type WeightAverage,
} from '@gantry/core';
import { z } from 'zod';
import { messageOf, systemErrorCode } from './durable-files.ts';
import { readBytes, sha256 } from './large-bytes.ts';
import { parseSealedJson, sealedJson, type SealedJson } from './sealed-json.ts';

const FORMAT = 2;
/** As 2, with what workers had: whoever knows only 2 would go on with other bits. */
const FORMAT_WITH_PUBLISHED = 3;
const OPTIMIZER_FILE = 'optimizer.safetensors';
/** The average of a network's weights and moving statistics, under their names. */
const AVERAGE_FILE = 'average.safetensors';

/** What workers had in the last round, where the wire rounds: a vector as the scheme publishes it. */
const PUBLISHED_FILE = 'published.safetensors';
const PUBLISHED_TENSOR = 'published';

/** The file of a network's weights and moving statistics: named after it, unless another file has that name. */
function networkFile(network: string): string {
  const file = `${network}.safetensors`;
  return [OPTIMIZER_FILE, AVERAGE_FILE, PUBLISHED_FILE].includes(file) ? `network.${file}` : file;
}

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
/** What an optimizer keeps for a network: names of the vectors in optimizer.safetensors, and numbers. */
const optimizerSchema = z.strictObject({
  moments: z.array(z.string().regex(/^\w{1,32}$/)).max(8),
  scalars: z.record(z.string().regex(/^\w{1,32}$/), z.number()),
});
const commonFields = {
  /** Steps done. */
  step: z.int().min(0),
  /** Epochs done, if this is the end of one. */
  epoch: z.int().min(1).nullable(),
};
const hashFields = { sha256: z.record(z.string(), sha256Schema) };
const recordFields = {
  ...commonFields,
  /** By network. */
  optimizers: z.record(z.string(), optimizerSchema),
  /** The network whose average is in average.safetensors, where one is kept. */
  average: z.string().exactOptional(),
  ...hashFields,
};
const recordSchema2 = z.strictObject({ format: z.literal(FORMAT), ...recordFields });
const recordSchema3 = z.strictObject({
  format: z.literal(FORMAT_WITH_PUBLISHED),
  ...recordFields,
  /** Numbers in published.safetensors. */
  published: z.int().min(1),
});
type OptimizerRecord = z.infer<typeof optimizerSchema>;
/** What state.json holds, besides a checksum of itself. */
type StateRecord = z.infer<typeof recordSchema2> | z.infer<typeof recordSchema3>;

const betaPowersSchema = z.strictObject({ beta1Power: z.number(), beta2Power: z.number() });
/** That of the first edition, which knew Adam alone; it is read still. */
const recordSchema1 = z.strictObject({
  format: z.literal(1),
  ...commonFields,
  generatorAdam: betaPowersSchema,
  discriminatorAdam: betaPowersSchema,
  ...hashFields,
});
const stateJsonSchema = z.discriminatedUnion('format', [recordSchema3, recordSchema2, recordSchema1]);
const laterSchema = z.looseObject({ format: z.int().min(FORMAT_WITH_PUBLISHED + 1) });

/** A record of the first edition as this one writes it. */
function migrated(record: z.infer<typeof recordSchema1>): StateRecord {
  const { step, epoch, generatorAdam, discriminatorAdam, sha256: hashes } = record;
  const adam = (scalars: Record<string, number>) => ({ moments: ['m', 'v'], scalars });
  const optimizers = { generator: adam(generatorAdam), discriminator: adam(discriminatorAdam) };
  return { format: FORMAT, step, epoch, optimizers, sha256: hashes };
}

/** @param section where the parameters lie that `flat` holds; absent: it holds all */
function views(flat: Float32Array, parameters: readonly Parameter[], section = { offset: 0 }): NamedTensor[] {
  return parameters.map(({ name, shape, offset, size }) => {
    return { name, shape, data: viewOf(flat, { offset: offset - section.offset, size }) };
  });
}

function parametersOf(network: string, parameters: readonly Parameter[]): Parameter[] {
  return parameters.filter((parameter) => networkOf(parameter) === network);
}

/** The tensors of one network. */
function numbersOf({ network: name, weights, statistics }: WeightAverage, manifest: ModelManifest): NamedTensor[] {
  const network = networkNamed(manifest, name);
  return [
    ...views(weights, parametersOf(name, manifest.trainable), network.weights),
    ...views(statistics, parametersOf(name, manifest.movingStatistics), network.statistics),
  ];
}

/** The tensors of each file, by its name; they share the state's memory. */
function tensorsOf(state: TrainingState, manifest: ModelManifest): Map<string, NamedTensor[]> {
  const files = new Map<string, NamedTensor[]>();
  const ofOptimizers: NamedTensor[] = [];
  for (const own of manifest.networks) {
    const { name: network, weights } = own;
    files.set(networkFile(network), numbersOf(ownNumbers(state, own), manifest));
    const moments = Object.entries(state.optimizers[network]?.moments ?? {});
    for (const [moment, flat] of moments) {
      const tensors = views(flat, parametersOf(network, manifest.trainable), weights);
      ofOptimizers.push(...tensors.map((tensor) => ({ ...tensor, name: `${tensor.name}/${moment}` })));
    }
  }
  files.set(OPTIMIZER_FILE, ofOptimizers);
  if (state.average) files.set(AVERAGE_FILE, numbersOf(state.average, manifest));
  const { published } = state;
  if (published) {
    files.set(PUBLISHED_FILE, [{ name: PUBLISHED_TENSOR, shape: [published.length], data: published }]);
  }
  return files;
}

/** @throws GantryError E_CHECKPOINT if it is of other networks */
function emptyState(manifest: ModelManifest, record: StateRecord): TrainingState {
  const { step, optimizers, average } = record;
  const names = manifest.networks.map(({ name }) => name);
  const found = Object.keys(optimizers);
  if (found.length !== names.length || !names.every((name) => optimizers[name])) {
    throw damaged(`state.json is of another model: it has the networks ${found.join(', ')}, not ${names.join(', ')}`);
  }
  return {
    step,
    weights: new Float32Array(manifest.trainableSize),
    movingStatistics: new Float32Array(manifest.movingStatisticsSize),
    optimizers: Object.fromEntries(
      manifest.networks.flatMap(({ name, weights }) => {
        const kept = optimizers[name];
        return kept ? [[name, emptyOptimizer(weights.size, kept)]] : [];
      }),
    ),
    average: average === undefined ? undefined : emptyNumbers(average, manifest),
    published: 'published' in record ? new Float32Array(record.published) : undefined,
  };
}

/** @throws GantryError E_CHECKPOINT if there is no such network */
function emptyNumbers(name: string, { networks }: ModelManifest): WeightAverage {
  const network = networks.find((each) => each.name === name);
  if (!network) throw damaged(`state.json is of another model: it has a network ${name}`);
  return {
    network: name,
    weights: new Float32Array(network.weights.size),
    statistics: new Float32Array(network.statistics.size),
  };
}

function emptyOptimizer(size: number, { moments, scalars }: OptimizerRecord): OptimizerState {
  return { moments: Object.fromEntries(moments.map((name) => [name, new Float32Array(size)])), scalars };
}

function optimizerRecord({ moments, scalars }: OptimizerState): OptimizerRecord {
  return { moments: Object.keys(moments), scalars: { ...scalars } };
}

/** The files of a checkpoint, by name. They hold a copy of the state. */
export function encodeCheckpoint(
  state: TrainingState,
  manifest: ModelManifest,
  epoch: number | null,
): Map<string, string | Uint8Array> {
  const files = new Map<string, string | Uint8Array>();
  const hashes: Record<string, string> = {};
  for (const [file, tensors] of tensorsOf(state, manifest)) {
    const bytes = encodeSafetensors(tensors);
    files.set(file, bytes);
    hashes[file] = sha256(bytes);
  }
  const optimizers = Object.entries(state.optimizers).map(([name, each]) => [name, optimizerRecord(each)] as const);
  const { published } = state;
  const common = {
    step: state.step,
    epoch,
    optimizers: Object.fromEntries(optimizers),
    ...(state.average && { average: state.average.network }),
    sha256: hashes,
  };
  const record: StateRecord = published
    ? { format: FORMAT_WITH_PUBLISHED, ...common, published: published.length }
    : { format: FORMAT, ...common };
  return files.set('state.json', sealedJson(record));
}

/** The files of a generator alone, by name: what its pictures are drawn with, its average where there is one. */
export function encodeGenerator(
  numbers: WeightAverage,
  manifest: ModelManifest,
  { step, epoch }: Pick<StateRecord, 'step' | 'epoch'>,
): Map<string, string | Uint8Array> {
  const file = networkFile(numbers.network);
  const bytes = encodeSafetensors(numbersOf(numbers, manifest));
  const record: StateRecord = { format: FORMAT, step, epoch, optimizers: {}, sha256: { [file]: sha256(bytes) } };
  return new Map<string, string | Uint8Array>([
    [file, bytes],
    ['state.json', sealedJson(record)],
  ]);
}

function damaged(problem: string, cause?: unknown): GantryError {
  return new GantryError('E_CHECKPOINT', problem, { cause });
}

async function read(directory: string, file: string): Promise<Uint8Array> {
  try {
    return await readBytes(join(directory, file));
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') throw damaged(`${file} is missing`, cause);
    throw damaged(`${file} cannot be read: ${messageOf(cause)}`, cause);
  }
}

/**
 * Reads state.json.
 * @throws GantryError E_CHECKPOINT if a byte of it is not as it was written; E_RESUME if a later version wrote it
 */
export async function readStateRecord(directory: string): Promise<StateRecord> {
  const { json, seal } = parse(new TextDecoder().decode(await read(directory, 'state.json')));
  if (seal !== 'intact') throw damaged('state.json is damaged: it does not match its checksum');
  const { data, error } = stateJsonSchema.safeParse(json);
  if (data) return data.format === 1 ? migrated(data) : data;
  const later = laterSchema.safeParse(json).data;
  // That is no damage, for which an earlier checkpoint would do.
  if (later) throw writtenByLater(later.format);
  throw damaged('state.json is damaged: fields are missing or wrong', error);
}

function parse(text: string): SealedJson {
  try {
    return parseSealedJson(text);
  } catch (cause) {
    throw damaged('state.json is damaged: it is not JSON', cause);
  }
}

function writtenByLater(format: number): GantryError {
  return new GantryError(
    'E_RESUME',
    `state.json has format ${format}, and this version of Gantry reads 1 to ${FORMAT_WITH_PUBLISHED}: use the version that wrote it`,
  );
}

function shapeText(tensor: NamedTensor | undefined): string {
  return tensor ? `[${tensor.shape.join(',')}]` : 'none';
}

/** The tensors of one file, as they were written. */
async function tensorsIn(directory: string, file: string, record: StateRecord): Promise<NamedTensor[]> {
  const bytes = await read(directory, file);
  if (sha256(bytes) !== record.sha256[file]) throw damaged(`${file} is damaged: its sha256 is not that of state.json`);
  return decodeSafetensors(bytes).tensors;
}

/** Fills one file's tensors from the disk. */
async function fill(directory: string, file: string, record: StateRecord, tensors: NamedTensor[]): Promise<void> {
  const found = new Map((await tensorsIn(directory, file, record)).map((tensor) => [tensor.name, tensor]));
  for (const expected of tensors) {
    const tensor = found.get(expected.name);
    if (!tensor || shapeText(tensor) !== shapeText(expected)) {
      const shapes = `${expected.name} has shape ${shapeText(tensor)}, not ${shapeText(expected)}`;
      throw damaged(`${file} is of another model: ${shapes}`);
    }
    expected.data.set(tensor.data);
  }
  if (found.size > tensors.length) throw damaged(`${file} is of another model: it has tensors that are not known`);
}

/** Reads a whole checkpoint. @throws GantryError E_CHECKPOINT if anything of it is not as it was written */
export async function readCheckpoint(directory: string, manifest: ModelManifest): Promise<TrainingState> {
  const record = await readStateRecord(directory);
  const state = emptyState(manifest, record);
  for (const [file, tensors] of tensorsOf(state, manifest)) await fill(directory, file, record, tensors);
  return state;
}

/** Weights and moving statistics of a checkpoint, of whatever model. */
export interface SavedTensors {
  /** Steps done when it was saved. */
  readonly step: number;
  readonly tensors: readonly NamedTensor[];
}

/** Reads the tensors of all networks. @throws GantryError E_CHECKPOINT if anything of them is not as it was written */
export async function readNetworkTensors(directory: string): Promise<SavedTensors> {
  const record = await readStateRecord(directory);
  const others = [OPTIMIZER_FILE, AVERAGE_FILE, PUBLISHED_FILE];
  const files = Object.keys(record.sha256).filter((file) => !others.includes(file));
  const tensors = await Promise.all(files.map((file) => tensorsIn(directory, file, record)));
  return { step: record.step, tensors: tensors.flat() };
}

/** The network of a checkpoint that makes pictures. */
export interface SavedGenerator extends WeightAverage {
  /** Steps done when it was saved. */
  readonly step: number;
}

/**
 * Reads the network that makes pictures alone: its average where the checkpoint has one, else its weights.
 * @throws GantryError E_CHECKPOINT if anything of it is not as it was written
 */
export async function readGeneratorFile(
  directory: string,
  manifest: ModelManifest,
  network: string,
): Promise<SavedGenerator> {
  const record = await readStateRecord(directory);
  const numbers = emptyNumbers(network, manifest);
  const file = record.average === network ? AVERAGE_FILE : networkFile(network);
  await fill(directory, file, record, numbersOf(numbers, manifest));
  return { step: record.step, ...numbers };
}
