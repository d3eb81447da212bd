import { GantryError } from '../errors.ts';
import { fillKeepMask, fillNormal, fillUniform, streamAt } from '../numerics/random.ts';
import type { Batch } from '../training/unit.ts';
import {
  phaseAt,
  sizeOf,
  type DataInput,
  type LabelInput,
  type ModelManifest,
  type PhaseManifest,
} from './manifest.ts';

/** The inputs of one batch: by name, row-major, as `inputSpecs` has them. */
export interface BatchInputs {
  /** What computes it. */
  readonly phase: PhaseManifest;
  /** B */
  readonly samples: number;
  readonly tensors: Readonly<Record<string, Float32Array | Uint8Array>>;
}

/** A tensor of a compiled program. */
export interface InputSpec {
  readonly shape: number[];
  readonly dtype: 'float32' | 'bool';
}

/** The inputs of a phase on so many samples, by name. */
export function inputSpecs({ inputs }: Pick<PhaseManifest, 'inputs'>, samples: number): Record<string, InputSpec> {
  return Object.fromEntries(
    inputs.map((input) => {
      const rows = 'streams' in input ? input.streams.length * samples : samples;
      const dtype = input.from === 'keepMask' ? 'bool' : 'float32';
      return [input.name, { shape: [rows, ...input.shape], dtype }];
    }),
  );
}

/** The one input that is sent. @throws GantryError E_MANIFEST unless there is exactly one */
export function dataInput({ name, inputs }: Pick<PhaseManifest, 'name' | 'inputs'>): DataInput {
  const [input, ...more] = inputs.filter((each) => each.from === 'data');
  if (input && more.length === 0) return input;
  throw new GantryError(
    'E_MANIFEST',
    `a phase has one input that is sent, and ${name} has ${input ? more.length + 1 : 0}`,
  );
}

/** What a sample's label becomes, if there is one. */
function labelInput({ inputs }: Pick<PhaseManifest, 'inputs'>): LabelInput | undefined {
  return inputs.find((each) => each.from === 'label');
}

/** How many classes the samples of a model are of; undefined: they have no labels. */
export function classesOf(manifest: Pick<ModelManifest, 'phases'>): number | undefined {
  return labelInput(phaseAt(manifest, 0))?.shape[0];
}

/** Bytes of a sample that is sent: its data and, where the model has classes, its label. */
export function sampleBytes(manifest: Pick<ModelManifest, 'phases'>): number {
  const phase = phaseAt(manifest, 0);
  return sizeOf(dataInput(phase).shape) + (labelInput(phase) ? 1 : 0);
}

/** What the inputs of one unit may take: those of the tutorial take 168 MB for the largest shard there is. */
const MAX_INPUT_BYTES = 2 ** 30;

/** @throws GantryError E_MANIFEST if the inputs of a shard of so many samples take more memory than is ever needed */
export function requireAffordable({ phases }: Pick<ModelManifest, 'phases'>, samples: number): void {
  for (const phase of phases) {
    const bytes = Object.values(inputSpecs(phase, samples)).reduce(
      (sum, { shape, dtype }) => sum + sizeOf(shape) * (dtype === 'bool' ? 1 : 4),
      0,
    );
    if (bytes > MAX_INPUT_BYTES) {
      throw new GantryError(
        'E_MANIFEST',
        `the inputs of a shard of ${samples} samples take ${bytes} bytes, more than ${MAX_INPUT_BYTES}`,
      );
    }
  }
}

/** What fills a row of float32. */
const FILL = { normal: fillNormal, uniform: fillUniform } as const;

/** Memory for the inputs of a batch, in zeros. */
function newBatchInputs(phase: PhaseManifest, samples: number): BatchInputs {
  const tensors = Object.entries(inputSpecs(phase, samples)).map(([name, { shape, dtype }]) => {
    const size = sizeOf(shape);
    return [name, dtype === 'bool' ? new Uint8Array(size) : new Float32Array(size)] as const;
  });
  return { phase, samples, tensors: Object.fromEntries(tensors) };
}

/**
 * Builds the inputs of a batch. Sample i draws the same numbers however the global batch is cut.
 * @param data bytes of the batch's samples, `sampleBytes` each
 * @param into memory of as many samples of the same phase, all of it overwritten
 */
export function batchInputs(
  { step, iteration, first, samples }: Batch,
  data: Uint8Array,
  manifest: ModelManifest,
  seed: number,
  into = newBatchInputs(phaseAt(manifest, iteration), samples),
): BatchInputs {
  const phase = phaseAt(manifest, iteration);
  for (const input of phase.inputs) {
    if (input.from === 'data' || input.from === 'label') continue;
    const size = sizeOf(input.shape);
    const tensor = into.tensors[input.name];
    input.streams.forEach((each, part) => {
      const stream = streamAt(each, iteration);
      for (let i = 0; i < samples; i++) {
        const begin = (part * samples + i) * size;
        const row = tensor?.subarray(begin, begin + size);
        if (input.from === 'keepMask') fillKeepMask(row as Uint8Array, input.rate, seed, stream, step, first + i);
        else FILL[input.from](row as Float32Array, seed, stream, step, first + i);
      }
    });
  }
  scaleData(data, into, phase);
  return into;
}

/** Puts what was sent into the inputs that are built already: the rest of them follows from the batch's place alone. */
export function scaleData(data: Uint8Array, { tensors, samples }: BatchInputs, phase: PhaseManifest): void {
  const scaled = tensors[dataInput(phase).name] as Float32Array;
  const label = labelInput(phase);
  if (!label) {
    scalePixels(data, scaled);
    return;
  }
  const size = scaled.length / samples;
  const [classes = 0] = label.shape;
  const oneHot = (tensors[label.name] as Float32Array).fill(0);
  for (let i = 0; i < samples; i++) {
    const begin = i * (size + 1);
    scalePixels(data.subarray(begin, begin + size), scaled.subarray(i * size, (i + 1) * size));
    const place = data[begin + size] ?? classes;
    if (place < classes) oneHot[i * classes + place] = 1;
  }
}

/** (p − 127.5) / 127.5: pixels 0–255 to [−1, 1]. */
export function scalePixels(pixels: Uint8Array, into: Float32Array = new Float32Array(pixels.length)): Float32Array {
  for (let i = 0; i < pixels.length; i++) into[i] = ((pixels[i] as number) - 127.5) / 127.5;
  return into;
}
