import { compile, type ConvolutionForm } from '@gantry/compiler';
import { NOISE_SIZE, shardSizes, stepInputSpecs, type DataPlan, type Program } from '@gantry/core';
import {
  createModels,
  disposeModels,
  manifestOf,
  movingStatisticVariables,
  trainableVariables,
  trainingStep,
  type ModelVariable,
  type Models,
} from '@gantry/core/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';

function byName(variables: readonly ModelVariable[]) {
  return Object.fromEntries(variables.map(({ name, variable }) => [name, variable]));
}

function withModels<T>(use: (models: Models) => T): T {
  const models = createModels();
  try {
    return use(models);
  } finally {
    disposeModels(models);
  }
}

/**
 * Compiles the training step for every shard size of the plan. Takes about 0.3 s for each.
 * @param convolutions how they are computed; the results differ in rounding
 */
export function compileTraining(plan: DataPlan, seed: number, convolutions: ConvolutionForm = 'fastest'): Program {
  return withModels((models) => {
    const manifest = manifestOf(models);
    const variants = shardSizes(plan).map((samples) => ({
      samples,
      onnx: compile((inputs) => trainingStep(models, inputs), {
        inputs: stepInputSpecs(manifest, samples),
        variables: byName(trainableVariables(models)),
        convolutions,
      }).onnx,
    }));
    return { seed, manifest, variants };
  });
}

/**
 * How convolutions are computed on a device: on CPUs in the way that takes fewer multiplications, which was measured to be the
 * fastest; no GPU was measured, so theirs are the plain ones.
 */
export function convolutionsOn(device: string): ConvolutionForm {
  return device === 'cpu' || device === 'wasm' ? 'fastest' : 'direct';
}

/** The programs of a run by device, each compiled when it is first asked for. */
export function trainingPrograms(plan: DataPlan, seed: number): (device: string) => Program {
  const compiled = new Map<ConvolutionForm, Program>();
  return (device) => {
    const convolutions = convolutionsOn(device);
    const program = compiled.get(convolutions) ?? compileTraining(plan, seed, convolutions);
    compiled.set(convolutions, program);
    return program;
  };
}

/** Compiles the generator in inference mode: `noise` [samples,100] and its weights to `images` [samples,28,28,1]. */
export function compileGenerator(samples: number): Uint8Array {
  return withModels((models) => {
    const variables = [...trainableVariables(models), ...movingStatisticVariables(models)];
    return compile(({ noise }) => ({ images: models.generator.predict(noise as Tensor) as Tensor }), {
      inputs: { noise: { shape: [samples, NOISE_SIZE] } },
      variables: byName(variables.filter(({ name }) => name.startsWith('generator/'))),
    }).onnx;
  });
}
