/**
 * What evaluating each epoch costs: the time of a processor that one evaluation takes, beside that of the steps of an epoch.
 *
 *     npm run bench:evaluation                  nine rounds, a minute; writes bench/results/evaluation.json
 *     npm run bench:evaluation -- --rounds 20   so many instead
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine, machineText, spread, spreadText, table } from '@gantry/cli/bench';
import { compileTraining, loadDataSet } from '@gantry/coordinator';
import { batchInputs, initialState, ownNumbers, networkNamed, sampleBytes, DEFAULT_OPTIMIZERS } from '@gantry/core';
import { manifestOf } from '@gantry/core/tfjs';
import { EVALUATION_BATCH, Evaluator, mnistFeatures, pictureSource } from '@gantry/evaluation';
import { dcgan } from '@gantry/models';
import { createEngine } from '@gantry/worker';
import { roundsOf } from './support/contest.ts';

/** As a run has them. */
const EVALUATED = 2000;
const SHARD = 64;
/** Shards in a round. */
const SHARDS = 15;

/** Seconds of a processor, whichever thread of this process uses it. */
async function processorSeconds(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const { values: flags } = parseArgs({ options: { rounds: { type: 'string' } } });
const rounds = roundsOf(flags.rounds, 9);
const machine = describeMachine();
const model = dcgan();
const manifest = manifestOf(model);
const state = initialState(manifest, 0, DEFAULT_OPTIMIZERS);
const data = await loadDataSet({});
const evaluator = new Evaluator({
  pictures: pictureSource(model, EVALUATION_BATCH),
  judge: { heldOut: (await data.heldOut())?.images ?? data.images, features: await mnistFeatures() },
  engine: 'native',
});
const engine = await createEngine('native');
await engine.load(compileTraining(model, { images: SHARD, epochs: 1, batch: SHARD, shardSize: SHARD }, 0));
await engine.setWeights(state.weights);
const unit = { step: 0, iteration: 0, first: 0, samples: SHARD };
const bytes = data.images.pixels.subarray(0, SHARD * sampleBytes(manifest));
const numbers = ownNumbers(state, networkNamed(manifest, model.preview.network));
const evaluate = () => evaluator.evaluate({ numbers, place: { seed: 0 }, samples: EVALUATED });
const shards = async () => {
  for (let i = 0; i < SHARDS; i++) await engine.gradients(batchInputs(unit, bytes, manifest, 0));
};
// The first evaluation looks at the held-out images, too.
await evaluate();
await shards();

const samples: { evaluation: number; epoch: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const evaluation = await processorSeconds(evaluate);
  const epoch = ((await processorSeconds(shards)) * data.images.count) / (SHARDS * SHARD);
  samples.push({ evaluation, epoch });
}
await engine.dispose();
const figures = {
  evaluationSeconds: spread(samples.map(({ evaluation }) => evaluation)),
  epochSeconds: spread(samples.map(({ epoch }) => epoch)),
  percent: spread(samples.map(({ evaluation, epoch }) => (100 * evaluation) / epoch)),
};
console.log(`${machineText(machine)}; ${rounds} rounds\n`);
console.log(
  table(
    ['processor time', 'median (range)'],
    [
      [`an evaluation of ${EVALUATED} pictures, s`, spreadText(figures.evaluationSeconds)],
      ['the gradients of an epoch, s', spreadText(figures.epochSeconds)],
      ['the first by the second, %', spreadText(figures.percent)],
    ],
  ),
);
const file = new URL('results/evaluation.json', import.meta.url);
writeFileSync(file, `${JSON.stringify({ machine, rounds, ...figures, samples }, undefined, 2)}\n`);
