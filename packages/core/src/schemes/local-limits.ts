import { GantryError } from '../errors.ts';
import { sampleBytes } from '../model/batch-inputs.ts';
import { roundsPerStep } from '../model/manifest.ts';
import { MAX_MESSAGE_BYTES } from '../protocol/frame.ts';
import type { Recipe } from '../training/apply-gradients.ts';
import { MAX_ROUND_SAMPLES, MAX_UNIT_BATCHES } from '../training/config.ts';
import { stepsPerEpoch, type DataPlan } from '../training/plan.ts';
import { localContributionLayout } from './local-layout.ts';

/** Of a sample's number, which is sent beside its data. */
const NUMBER_BYTES = 4;

interface LocalRounds extends Recipe {
  readonly plan: DataPlan;
  readonly localSteps: number;
}

/** @throws GantryError E_CONFIG if a round has more samples, batches or bytes than can be counted or sent */
export function requireAffordableRounds(options: LocalRounds): void {
  const { manifest, plan, localSteps } = options;
  const perStep = roundsPerStep(manifest);
  const ofWhat = perStep === 1 ? `${plan.batch} images` : `${perStep} batches of ${plan.batch} images`;
  if (plan.batch * perStep * localSteps > MAX_ROUND_SAMPLES) {
    throw new GantryError(
      'E_CONFIG',
      `${localSteps} local steps of ${ofWhat} are more than the ${MAX_ROUND_SAMPLES} that a round may have: ` +
        `take fewer local steps`,
    );
  }
  if (localSteps * perStep > MAX_UNIT_BATCHES) {
    throw new GantryError(
      'E_CONFIG',
      `${localSteps} local steps of ${perStep} batches are more than the ${MAX_UNIT_BATCHES} that a unit ` +
        `may have: take fewer local steps`,
    );
  }
  const batches = perStep * Math.min(localSteps, Math.ceil(stepsPerEpoch(plan)));
  const unitBytes = batches * Math.min(plan.shardSize, plan.batch) * (NUMBER_BYTES + sampleBytes(manifest));
  if (unitBytes > MAX_MESSAGE_BYTES) {
    throw new GantryError(
      'E_CONFIG',
      `${localSteps} local steps take ${unitBytes} bytes of images for a unit, more than ${MAX_MESSAGE_BYTES}: ` +
        `take fewer local steps, or a smaller --shard-size`,
    );
  }
  const bytes = 4 * localContributionLayout(options, localSteps).length;
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new GantryError(
      'E_CONFIG',
      `with local steps, a contribution of this model takes ${bytes} bytes, more than ${MAX_MESSAGE_BYTES}: ` +
        `take an optimizer with fewer moments, or --local-steps 1`,
    );
  }
}
