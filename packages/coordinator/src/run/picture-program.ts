import { compileNative, CompileError, type NativeProgram } from '@gantry/compiler/native';
import { GantryError } from '@gantry/core';
import type * as onnx from '@gantry/compiler/onnx-runtime';

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

/**
 * Opens a compiled generator: with ONNX Runtime, or where that is not installed as machine code. The two differ in rounding.
 * @param model in ONNX; its output is called `images`
 * @throws GantryError E_ENGINE where there is neither
 */
export async function openPictureProgram(model: Uint8Array): Promise<PictureProgram> {
  const ort = await import('@gantry/compiler/onnx-runtime').catch(() => undefined);
  if (!ort) return inMachineCode(await compiled(model));
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
  return withOnnxRuntime(session, ort.Tensor);
}

function withOnnxRuntime(session: onnx.InferenceSession, Tensor: typeof onnx.Tensor): PictureProgram {
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

function inMachineCode(program: NativeProgram): PictureProgram {
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

async function compiled(model: Uint8Array): Promise<NativeProgram> {
  try {
    return await compileNative(model, ['images']);
  } catch (cause) {
    if (!(cause instanceof CompileError)) throw cause;
    throw new GantryError('E_ENGINE', `pictures cannot be drawn: ${cause.message}; or install onnxruntime-node`, {
      cause,
    });
  }
}
