import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { CompileError } from '@gantry/compiler';
import {
  GantryError,
  manifestBytes,
  manifestSchema,
  manifestToWire,
  shellWords,
  type DataPlan,
  type ModelManifest,
  type Program,
} from '@gantry/core';
import type { Model } from '@gantry/core/tfjs';
import { pictureSource, type PictureSource } from '@gantry/evaluation';
import { sha256 } from '../storage/large-bytes.ts';
import { compileTraining } from './programs.ts';
import { version, type RunJson } from './run-config.ts';
import { GRID_PICTURES } from './samples.ts';

/** Says that a model does not ship with Gantry, and where it came from. */
export interface OwnModel {
  /** Absolute path of the file that defines it, where there is one. */
  readonly file?: string | undefined;
  /** Of that file. */
  readonly source?: string | undefined;
}

export type ProgramRecord = NonNullable<RunJson['program']>;

/** A model of one's own, compiled. */
export interface OwnProgram {
  /** Its phases, with convolutions in the form `fastest`. */
  readonly program: Program;
  readonly record: ProgramRecord;
  /** What the run keeps of it, by name: what pictures are drawn by, and the source, which nothing executes. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/**
 * Compiles a model of one's own, so that whatever does not work in it is told before there is a run.
 * @throws GantryError E_CONFIG in one line
 */
export function ownProgram(
  own: OwnModel,
  model: Model,
  manifest: ModelManifest,
  plan: DataPlan,
  seed: number,
): OwnProgram {
  requireWithinBounds(manifest);
  const { program, pictures } = compiled(model, () => ({
    program: compileTraining(model, plan, seed),
    pictures: storedPictures(model),
  }));
  const hash = createHash('sha256').update(manifestBytes(manifest));
  for (const { phase, samples, onnx } of program.variants) hash.update(`${phase} ${samples}\n`).update(onnx);
  const drawn = new Map<string, string | Uint8Array>([
    ['model.json', modelJson(model, manifest, pictures)],
    ['generator.onnx', pictures.draw],
    ...(pictures.recalibrate ? [['generator-statistics.onnx', pictures.recalibrate] as const] : []),
  ]);
  const hashes = [...drawn].map(([name, data]) => [name, sha256(data)] as const);
  const { file, source } = own;
  return {
    program,
    record: { sha256: hash.digest('hex'), ...(file !== undefined && { file }), files: Object.fromEntries(hashes) },
    files: file === undefined || source === undefined ? drawn : new Map([...drawn, [`model${extname(file)}`, source]]),
  };
}

/** Whatever the user's functions throw belongs to the model. */
function compiled<T>(model: Model, compile: () => T): T {
  try {
    return compile();
  } catch (cause) {
    if (cause instanceof GantryError) throw cause;
    const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    const how = cause instanceof CompileError ? 'it cannot be compiled' : 'its phases fail';
    throw new GantryError('E_CONFIG', `model '${model.name}': ${how}: ${reason}`, { cause });
  }
}

/** With the program by which statistics are recalibrated, where there can be one. */
function storedPictures(model: Model): PictureSource {
  const hasDropout = model.networks[model.preview.network]?.layers.some((layer) => layer.getClassName() === 'Dropout');
  return pictureSource(model, GRID_PICTURES, hasDropout ? 'moving' : 'recalibrated');
}

function modelJson({ preview }: Model, manifest: ModelManifest, { noiseShape, imageShape }: PictureSource): string {
  const stored = { manifest: manifestToWire(manifest), network: preview.network, noiseShape, imageShape };
  return `${JSON.stringify(stored, null, 2)}\n`;
}

/** @throws GantryError E_CONFIG for more than the protocol carries */
function requireWithinBounds(manifest: ModelManifest): void {
  const { error } = manifestSchema.safeParse(manifestToWire(manifest));
  const [issue] = error?.issues ?? [];
  if (!issue) return;
  const where = issue.path.map(String).join('.');
  throw new GantryError('E_CONFIG', `model '${manifest.model}' is more than workers take: ${where}: ${issue.message}`);
}

/** @throws GantryError E_RESUME unless a run goes on with the program that it was started with */
export function requireSameProgram(recorded: RunJson, own: OwnModel | undefined): void {
  const { program } = recorded;
  if (!program || own) return;
  const given =
    program.file === undefined ? 'give that model again' : `give it again: --model ${shellWords([program.file])}`;
  throw new GantryError('E_RESUME', `the run trains a model of its own, '${recorded.config.model}': ${given}`);
}

/** @throws GantryError E_RESUME if it is another one */
export function requireEqualProgram(recorded: RunJson, now: ProgramRecord): void {
  const { program, versions } = recorded;
  if (!program || program.sha256 === now.sha256) return;
  const what = `${now.file ?? `the model '${recorded.config.model}'`} is another program than the run was started with`;
  const hashes = `${now.sha256.slice(0, 12)} where the run has ${program.sha256.slice(0, 12)}`;
  const before = versions['gantry'];
  const remedy =
    before === version
      ? 'restore the file, of which the run has a copy, or begin a new run with --init-from'
      : `Gantry ${before} compiled it, and this is ${version}: go on with that version, or begin a new run with --init-from`;
  throw new GantryError('E_RESUME', `${what} (${hashes}): ${remedy}`);
}
