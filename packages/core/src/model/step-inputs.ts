import { GantryError } from '../errors.ts';
import type { ShardWork } from '../training/shards.ts';
import { sizeOf, type ModelManifest, type StepInput } from './manifest.ts';
import { fillKeepMask, fillNormal } from '../numerics/random.ts';

/** The inputs of a step on one shard: by name, row-major, as `stepInputSpecs` has them. */
export interface ShardInputs {
  /** B */
  readonly samples: number;
  readonly tensors: Readonly<Record<string, Float32Array | Uint8Array>>;
}

/** A tensor of a compiled program. */
export interface StepInputSpec {
  readonly shape: number[];
  readonly dtype: 'float32' | 'bool';
}

/** The inputs of a step on so many samples, by name. */
export function stepInputSpecs(
  { inputs }: Pick<ModelManifest, 'inputs'>,
  samples: number,
): Record<string, StepInputSpec> {
  return Object.fromEntries(
    inputs.map((input) => {
      const rows = input.from === 'data' ? samples : input.streams.length * samples;
      const dtype = input.from === 'keepMask' ? 'bool' : 'float32';
      return [input.name, { shape: [rows, ...input.shape], dtype }];
    }),
  );
}

/** The one input that is sent. @throws GantryError E_MANIFEST unless there is exactly one */
export function dataInput({ inputs }: Pick<ModelManifest, 'inputs'>): StepInput {
  const [input, ...more] = inputs.filter(({ from }) => from === 'data');
  if (input && more.length === 0) return input;
  throw new GantryError(
    'E_MANIFEST',
    `a model has one input that is sent, and this one has ${input ? more.length + 1 : 0}`,
  );
}

/** Bytes of a sample that is sent. */
export function sampleBytes(manifest: Pick<ModelManifest, 'inputs'>): number {
  return sizeOf(dataInput(manifest).shape);
}

/** What the inputs of one shard may take: those of the tutorial take 168 MB for the largest shard there is. */
const MAX_INPUT_BYTES = 2 ** 30;

/** @throws GantryError E_MANIFEST if the inputs of a shard of so many samples take more memory than is ever needed */
export function requireAffordable(manifest: Pick<ModelManifest, 'inputs'>, samples: number): void {
  const bytes = Object.values(stepInputSpecs(manifest, samples)).reduce(
    (sum, { shape, dtype }) => sum + sizeOf(shape) * (dtype === 'bool' ? 1 : 4),
    0,
  );
  if (bytes <= MAX_INPUT_BYTES) return;
  throw new GantryError(
    'E_MANIFEST',
    `the inputs of a shard of ${samples} samples take ${bytes} bytes, more than ${MAX_INPUT_BYTES}`,
  );
}

/** Memory for the inputs of a shard, in zeros. */
function newShardInputs(manifest: ModelManifest, samples: number): ShardInputs {
  const tensors = Object.entries(stepInputSpecs(manifest, samples)).map(([name, { shape, dtype }]) => {
    const size = sizeOf(shape);
    return [name, dtype === 'bool' ? new Uint8Array(size) : new Float32Array(size)] as const;
  });
  return { samples, tensors: Object.fromEntries(tensors) };
}

/**
 * Builds a shard's inputs. Sample i of the batch draws the same numbers however the batch is cut.
 * @param into memory of as many samples, all of it overwritten
 */
export function shardInputs(
  { step, first, samples, images }: ShardWork,
  manifest: ModelManifest,
  seed: number,
  into = newShardInputs(manifest, samples),
): ShardInputs {
  for (const input of manifest.inputs) {
    if (input.from === 'data') continue;
    const size = sizeOf(input.shape);
    const tensor = into.tensors[input.name];
    input.streams.forEach((stream, part) => {
      for (let i = 0; i < samples; i++) {
        const begin = (part * samples + i) * size;
        const row = tensor?.subarray(begin, begin + size);
        if (input.from === 'keepMask') fillKeepMask(row as Uint8Array, input.rate, seed, stream, step, first + i);
        else fillNormal(row as Float32Array, seed, stream, step, first + i);
      }
    });
  }
  scaleData(images, into, manifest);
  return into;
}

/** Puts what was sent into the inputs that are built already: the rest of them follows from the shard's place alone. */
export function scaleData(data: Uint8Array, { tensors }: ShardInputs, manifest: ModelManifest): void {
  scalePixels(data, tensors[dataInput(manifest).name] as Float32Array);
}

/** (p − 127.5) / 127.5: pixels 0–255 to [−1, 1]. */
export function scalePixels(pixels: Uint8Array, into: Float32Array = new Float32Array(pixels.length)): Float32Array {
  for (let i = 0; i < pixels.length; i++) into[i] = ((pixels[i] as number) - 127.5) / 127.5;
  return into;
}
