import { compileNative, CompileError } from '@gantry/compiler/native';
import { GantryError } from '@gantry/core';
import { systemErrorCode } from '../storage/durable-files.ts';

/** An input of a program. */
export interface Feed {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Draws pictures from the network's numbers and noise. */
export interface PictureProgram {
  /** @param into memory for the images */
  draw(feeds: Readonly<Record<string, Feed>>, into: Float32Array): Promise<void>;
  dispose(): Promise<void>;
}

/** What draws: machine code or ONNX Runtime on the CPU. The two differ in rounding. */
export const PICTURE_ENGINES = ['native', 'onnx'] as const;
export type PictureEngine = (typeof PICTURE_ENGINES)[number];

/**
 * Opens a compiled generator.
 * @param model in ONNX; its output is called `images`
 * @param engine where that is not there, the other one takes its place
 * @throws GantryError E_ENGINE where there is neither
 */
export async function openPictureProgram(model: Uint8Array, engine: PictureEngine): Promise<PictureProgram> {
  const failures: unknown[] = [];
  for (const open of engine === 'native' ? [inMachineCode, withOnnxRuntime] : [withOnnxRuntime, inMachineCode]) {
    try {
      return await open(model);
    } catch (error) {
      failures.push(error);
    }
  }
  const noCompiler = failures.find((error) => error instanceof CompileError);
  const isMissing = failures.some((error) => systemErrorCode(error) === 'ERR_MODULE_NOT_FOUND');
  if (!noCompiler || !isMissing) throw failures[0];
  throw new GantryError('E_ENGINE', `pictures cannot be drawn: ${noCompiler.message}; or install onnxruntime-node`, {
    cause: noCompiler,
  });
}

async function withOnnxRuntime(model: Uint8Array): Promise<PictureProgram> {
  const { InferenceSession, Tensor } = await import('@gantry/compiler/onnx-runtime');
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  return {
    draw: async (feeds, into) => {
      const tensors = Object.entries(feeds).map(
        ([name, { values, shape }]) => [name, new Tensor('float32', values, shape)] as const,
      );
      const { images } = await session.run(Object.fromEntries(tensors));
      if (!(images?.data instanceof Float32Array)) throw new TypeError('the compiled generator gave no float32 images');
      into.set(images.data);
    },
    dispose: () => session.release(),
  };
}

async function inMachineCode(model: Uint8Array): Promise<PictureProgram> {
  const program = await compileNative(model, ['images']);
  const scratch = new Uint8Array(program.scratchBytes);
  return {
    draw: async (feeds, into) => {
      const inputs = program.inputs.map((name) => {
        const feed = feeds[name];
        if (!feed) throw new Error(`the compiled generator takes '${name}', which the network has not`);
        return feed.values;
      });
      program.run(scratch, inputs, [into]);
    },
    dispose: async () => undefined,
  };
}
