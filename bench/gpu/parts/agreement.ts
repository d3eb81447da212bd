import { compileTraining } from '@gantry/coordinator';
import { manifestOf } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import { createEngine } from '@gantry/worker';
import {
  FIXTURE_SAMPLES,
  firstStepDeviations,
  fixtureInputs,
  fixtureWeights,
} from '../../../test/support/keras-fixture.ts';
import { DATA_DIRECTORY } from '../data.ts';
import type { Effort, Finding } from '../part.ts';

/** Losses and gradients of the first step beside Keras in float64. */
export async function* agreement({ forms }: Effort): AsyncGenerator<Finding> {
  const model = dcgan();
  const manifest = manifestOf(model);
  const plan = { images: FIXTURE_SAMPLES, epochs: 1, batch: FIXTURE_SAMPLES, shardSize: FIXTURE_SAMPLES };
  const inputs = await fixtureInputs(0, DATA_DIRECTORY);
  for (const form of forms) {
    const engine = await createEngine('onnx', 'webgpu');
    await engine.load(compileTraining(model, plan, 0, form));
    await engine.setWeights(fixtureWeights(manifest));
    const deviations = firstStepDeviations(await engine.gradients(inputs), manifest);
    await engine.dispose();
    const agrees = deviations.every(({ error, bound }) => error <= bound);
    const largest = (['losses', 'gradients', 'norms'] as const).map((kind) => {
      const errors = deviations.filter((each) => each.kind === kind).map(({ error }) => error);
      return `${kind} ${Math.max(...errors).toExponential(1)}`;
    });
    const result = `${agrees ? 'agrees with Keras' : 'DIFFERS from Keras'}; largest errors: ${largest.join(', ')}`;
    yield { what: `${form} convolutions`, result, figures: { form, agrees, deviations } };
  }
}
