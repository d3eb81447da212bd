import { join } from 'node:path';
import {
  GantryError,
  decodeSafetensors,
  encodeSafetensors,
  viewOf,
  type NamedTensor,
  type OptimizerState,
  type Parameter,
  type ModelManifest,
  type TrainingState,
} from '@gantry/core';
import { z } from 'zod';
import { messageOf, systemErrorCode } from './durable-files.ts';
import { readBytes, sha256 } from './large-bytes.ts';
import type { GeneratorWeights } from '../run/pictures.ts';

const FORMAT = 2;
const TENSOR_FILES = ['generator.safetensors', 'discriminator.safetensors', 'optimizer.safetensors'] as const;
type TensorFile = (typeof TENSOR_FILES)[number];

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
const hashFields = {
  sha256: z.strictObject({
    'generator.safetensors': sha256Schema,
    'discriminator.safetensors': sha256Schema,
    'optimizer.safetensors': sha256Schema,
  }),
};
const recordSchema = z.strictObject({
  format: z.literal(FORMAT),
  ...commonFields,
  optimizers: z.strictObject({ generator: optimizerSchema, discriminator: optimizerSchema }),
  ...hashFields,
});
/** What state.json holds, besides a checksum of itself. */
type StateRecord = z.infer<typeof recordSchema>;

const betaPowersSchema = z.strictObject({ beta1Power: z.number(), beta2Power: z.number() });
/** That of the first edition, which knew Adam alone; it is read still. */
const recordSchema1 = z.strictObject({
  format: z.literal(1),
  ...commonFields,
  generatorAdam: betaPowersSchema,
  discriminatorAdam: betaPowersSchema,
  ...hashFields,
});
const checksum = { checksum: sha256Schema };
const stateJsonSchema = z.discriminatedUnion('format', [recordSchema.extend(checksum), recordSchema1.extend(checksum)]);

/** A record of the first edition as this one writes it. */
function migrated(record: z.infer<typeof recordSchema1>): StateRecord {
  const { step, epoch, generatorAdam, discriminatorAdam, sha256: hashes } = record;
  const adam = (scalars: Record<string, number>) => ({ moments: ['m', 'v'], scalars });
  const optimizers = { generator: adam(generatorAdam), discriminator: adam(discriminatorAdam) };
  return { format: FORMAT, step, epoch, optimizers, sha256: hashes };
}

function toStateJson(record: StateRecord | z.infer<typeof recordSchema1>): string {
  return `${JSON.stringify({ ...record, checksum: sha256(JSON.stringify(record)) }, null, 2)}\n`;
}

function views(flat: Float32Array, parameters: readonly Parameter[]): NamedTensor[] {
  return parameters.map((parameter) => ({
    name: parameter.name,
    shape: parameter.shape,
    data: viewOf(flat, parameter),
  }));
}

/** The tensors of each file; they share the state's memory. */
function tensorsOf(state: TrainingState, manifest: ModelManifest): Record<TensorFile, NamedTensor[]> {
  const all = [
    ...views(state.weights, manifest.trainable),
    ...views(state.movingStatistics, manifest.movingStatistics),
  ];
  const split = manifest.discriminatorOffset;
  const optimizer = manifest.trainable.flatMap((parameter) => {
    const { name, shape, offset } = parameter;
    const { moments } = offset < split ? state.optimizers.generator : state.optimizers.discriminator;
    const place = { ...parameter, offset: offset < split ? offset : offset - split };
    return Object.entries(moments).map(([moment, flat]) => ({
      name: `${name}/${moment}`,
      shape,
      data: viewOf(flat, place),
    }));
  });
  return {
    'generator.safetensors': all.filter(({ name }) => name.startsWith('generator/')),
    'discriminator.safetensors': all.filter(({ name }) => name.startsWith('discriminator/')),
    'optimizer.safetensors': optimizer,
  };
}

function emptyState(manifest: ModelManifest, { step, optimizers }: StateRecord): TrainingState {
  const { trainableSize: size, discriminatorOffset: split } = manifest;
  return {
    step,
    weights: new Float32Array(size),
    movingStatistics: new Float32Array(manifest.movingStatisticsSize),
    optimizers: {
      generator: emptyOptimizer(split, optimizers.generator),
      discriminator: emptyOptimizer(size - split, optimizers.discriminator),
    },
  };
}

function emptyOptimizer(size: number, { moments, scalars }: StateRecord['optimizers']['generator']): OptimizerState {
  return { moments: Object.fromEntries(moments.map((name) => [name, new Float32Array(size)])), scalars };
}

function optimizerRecord({ moments, scalars }: OptimizerState): StateRecord['optimizers']['generator'] {
  return { moments: Object.keys(moments), scalars: { ...scalars } };
}

/** The files of a checkpoint, by name. They hold a copy of the state. */
export function encodeCheckpoint(
  state: TrainingState,
  manifest: ModelManifest,
  epoch: number | null,
): Map<string, string | Uint8Array> {
  const tensors = tensorsOf(state, manifest);
  const encode = (file: TensorFile) => encodeSafetensors(tensors[file]);
  const generator = encode('generator.safetensors');
  const discriminator = encode('discriminator.safetensors');
  const optimizer = encode('optimizer.safetensors');
  const stateJson = toStateJson({
    format: FORMAT,
    step: state.step,
    epoch,
    optimizers: {
      generator: optimizerRecord(state.optimizers.generator),
      discriminator: optimizerRecord(state.optimizers.discriminator),
    },
    sha256: {
      'generator.safetensors': sha256(generator),
      'discriminator.safetensors': sha256(discriminator),
      'optimizer.safetensors': sha256(optimizer),
    },
  });
  return new Map<string, string | Uint8Array>([
    ['generator.safetensors', generator],
    ['discriminator.safetensors', discriminator],
    ['optimizer.safetensors', optimizer],
    ['state.json', stateJson],
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

/** Reads state.json. @throws GantryError E_CHECKPOINT if a byte of it is not as it was written */
export async function readStateRecord(directory: string): Promise<StateRecord> {
  const text = new TextDecoder().decode(await read(directory, 'state.json'));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged('state.json is damaged: it is not JSON', cause);
  }
  const parsed = stateJsonSchema.safeParse(json);
  if (!parsed.success) {
    const format = z.object({ format: z.int() }).safeParse(json).data?.format ?? FORMAT;
    if (format > FORMAT) throw damaged(`state.json has format ${format}; this version of Gantry reads 1 to ${FORMAT}`);
    throw damaged('state.json is damaged: fields are missing or wrong', parsed.error);
  }
  const { checksum: _, ...record } = parsed.data;
  if (toStateJson(record) !== text) throw damaged('state.json is damaged: it does not match its checksum');
  return record.format === FORMAT ? record : migrated(record);
}

function shapeText(tensor: NamedTensor | undefined): string {
  return tensor ? `[${tensor.shape.join(',')}]` : 'none';
}

/** Fills one file's tensors from the disk. */
async function fill(directory: string, file: TensorFile, record: StateRecord, tensors: NamedTensor[]): Promise<void> {
  const bytes = await read(directory, file);
  if (sha256(bytes) !== record.sha256[file]) throw damaged(`${file} is damaged: its sha256 is not that of state.json`);
  const found = new Map(decodeSafetensors(bytes).tensors.map((tensor) => [tensor.name, tensor]));
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
  const tensors = tensorsOf(state, manifest);
  for (const file of TENSOR_FILES) await fill(directory, file, record, tensors[file]);
  return state;
}

/** The generator of a checkpoint. */
export interface SavedGenerator extends GeneratorWeights {
  /** Steps done when it was saved. */
  readonly step: number;
}

/** Reads the generator alone. @throws GantryError E_CHECKPOINT if anything of it is not as it was written */
export async function readGeneratorFile(directory: string, manifest: ModelManifest): Promise<SavedGenerator> {
  const record = await readStateRecord(directory);
  const state = emptyState(manifest, record);
  const file = 'generator.safetensors';
  await fill(directory, file, record, tensorsOf(state, manifest)[file]);
  const { step, weights, movingStatistics } = state;
  return { step, weights, movingStatistics };
}
