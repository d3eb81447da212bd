import { compile, type ConvolutionForm } from '@gantry/compiler';
import { inputSpecs, phaseNamed, shardSizes, type DataPlan, type Program, type TrainingSpec } from '@gantry/core';
import {
  manifestOf,
  modelVariables,
  runPhase,
  type Model,
  type ModelVariable,
  type Trainable,
} from '@gantry/core/tfjs';

function byName(variables: readonly ModelVariable[]) {
  return Object.fromEntries(variables.map(({ name, variable }) => [name, variable]));
}

/** For who does not exchange anything. */
const SYNCHRONOUS: TrainingSpec = { wire: 'float32', localSteps: 1, localFrom: 0, flip: false, optimizers: {} };

/**
 * Compiles the phases of a model for every shard size of the plan. Takes about 0.3 s for each of the DCGAN's.
 * @param convolutions how they are computed; the results differ in rounding
 */
export function compileTraining(
  model: Trainable,
  plan: DataPlan,
  seed: number,
  convolutions: ConvolutionForm = 'fastest',
  training: TrainingSpec = SYNCHRONOUS,
): Program {
  const manifest = manifestOf(model);
  const variables = byName(modelVariables(model, true));
  const variants = shardSizes(plan).flatMap((samples) =>
    model.phases.map((phase) => {
      const inputs = inputSpecs(phaseNamed(manifest, phase.name), samples);
      const { onnx } = compile((tensors) => runPhase(model, phase, tensors), { inputs, variables, convolutions });
      return { phase: phase.name, samples, onnx };
    }),
  );
  return { seed, manifest, variants, training };
}

/**
 * How convolutions are computed on a device where nothing else is known: on CPUs in the way that takes fewer multiplications,
 * which was measured to be the fastest; on GPUs in the plain way.
 */
export function convolutionsOn(device: string): ConvolutionForm {
  return device === 'cpu' || device === 'wasm' ? 'fastest' : 'direct';
}

/**
 * The programs of a run by the form of convolutions, each compiled when it is first asked for.
 * @param known variants with convolutions in the form `fastest`, where they are compiled already
 */
export function trainingPrograms(
  model: Model,
  plan: DataPlan,
  seed: number,
  training: TrainingSpec,
  known?: Program,
): (convolutions: ConvolutionForm) => Program {
  const compiled = new Map<ConvolutionForm, Program>();
  if (known) compiled.set('fastest', { ...known, training });
  return (convolutions) => {
    const program = compiled.get(convolutions) ?? compileTraining(model, plan, seed, convolutions, training);
    compiled.set(convolutions, program);
    return program;
  };
}
