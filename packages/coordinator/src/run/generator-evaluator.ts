import {
  EVALUATION_BATCH,
  EvaluatorThread,
  mnistFeatures,
  pictureSource,
  type PictureEngine,
} from '@gantry/evaluation';
import { takeImages, type BatchNorm, type ImageSet } from '@gantry/core';
import type { Model } from '@gantry/core/tfjs';
import { SAMPLES, type GeneratorEvaluator } from './epoch-evaluations.ts';

export interface EvaluatorParts {
  readonly model: Model;
  /** What pictures are compared with. */
  readonly real: ImageSet;
  readonly isMnist: boolean;
  readonly engine: PictureEngine;
  readonly batchNorm: BatchNorm;
  readonly seed: number;
}

/** Evaluates a model's generator in a thread, which is started when it is first asked for. */
export function generatorEvaluator(parts: EvaluatorParts): GeneratorEvaluator {
  const { seed } = parts;
  let thread: Promise<EvaluatorThread> | undefined;
  return {
    evaluate: async (numbers, samples) => {
      try {
        thread ??= startThread(parts);
        return await (await thread).evaluate({ numbers, place: { seed }, samples });
      } catch (error) {
        // It may be of no use any more: the next one begins anew.
        const failed = await thread?.catch(() => undefined);
        thread = undefined;
        await failed?.dispose();
        throw error;
      }
    },
    dispose: async () => (await thread?.catch(() => undefined))?.dispose(),
  };
}

/** By patches, as many are compared with as many: the thread needs no copy of a set that may fill the memory. */
function comparedOf(real: ImageSet): ImageSet {
  const some = takeImages(real, Math.min(SAMPLES, real.count));
  return { ...some, pixels: some.pixels.slice() };
}

async function startThread({ model, real, isMnist, engine, batchNorm }: EvaluatorParts): Promise<EvaluatorThread> {
  return new EvaluatorThread({
    pictures: pictureSource(model, EVALUATION_BATCH, batchNorm),
    judge: isMnist ? { heldOut: real, features: await mnistFeatures() } : { heldOut: comparedOf(real) },
    engine,
  });
}
