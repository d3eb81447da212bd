import { compile, type ConvolutionForm } from '@gantry/compiler';
import { inputSpecs, phaseAt } from '@gantry/core';
import {
  manifestOf,
  modelVariables,
  runPhase,
  type Model,
  type NetworkInTraining,
  type Phase,
} from '@gantry/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';

/** A phase that keeps what its networks give, call by call. */
function observed(phase: Phase, see: (network: string, output: tf.Tensor) => void): Phase {
  return {
    ...phase,
    gradients: (networks, inputs) => {
      const watched = Object.entries(networks).map(([name, network]): [string, NetworkInTraining] => [
        name,
        {
          variables: network.variables,
          apply: (x) => {
            const output = network.apply(x);
            see(name, tf.keep(output));
            return output;
          },
        },
      ]);
      return phase.gradients(Object.fromEntries(watched), inputs);
    },
  };
}

/**
 * Compiles the step of a GAN in one pass with what its networks give in it: besides the outputs of `runPhase`, `fakes`
 * [B,...] and the logits `realLogits` and `fakeLogits` [B,1].
 */
export function compileObservedStep(
  model: Model,
  samples: number,
  convolutions: ConvolutionForm = 'fastest',
): Uint8Array {
  const [phase] = model.phases as [Phase];
  const step = (inputs: Record<string, tf.Tensor>) => {
    const seen: Record<string, tf.Tensor> = {};
    const outputs = runPhase(
      model,
      observed(phase, (network, output) => (seen[network] = output)),
      inputs,
    );
    const { generator: fakes, discriminator: logits } = seen as Record<'generator' | 'discriminator', tf.Tensor>;
    const [realLogits, fakeLogits] = tf.split(logits, 2) as [tf.Tensor, tf.Tensor];
    return { ...outputs, fakes, realLogits, fakeLogits };
  };
  return compile(step, {
    inputs: inputSpecs(phaseAt(manifestOf(model), 0), samples),
    variables: Object.fromEntries(modelVariables(model, true).map(({ name, variable }) => [name, variable])),
    convolutions,
  }).onnx;
}
