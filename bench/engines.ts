/**
 * The engines that run on a CPU, one thread each, in turn, by shard size: the gradients alone.
 *
 *     npm run bench:engines                 three rounds, about ten minutes; writes bench/results/engines.json
 *     npm run bench:engines -- --rounds 9   so many instead
 *     npm run bench:engines -- --quick      one round of the smallest shards; writes nothing
 *
 * Needs the tensorflow engine (`npm run setup:tensorflow`) and Chromium, whose path may be given by CHROMIUM; what is missing
 * is left out.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine, machineText, type Spread } from '@gantry/cli/bench';
import { prepareDevice, type EngineName } from '@gantry/worker';
import { chromiumExists } from '../test/support/chromium.ts';
import { compete, roundsOf, standingsTable, type Contest } from './support/contest.ts';
import { gantryBench } from './support/json-command.ts';
import { tabSpeed } from './support/tab-speed.ts';

const SHARD_SIZES = [32, 64, 128, 256];

async function engineSpeed(engine: EngineName, shardSize: number): Promise<number> {
  const options = { engine, 'shard-size': shardSize, rounds: 1 };
  const [figures] = await gantryBench<[{ gradientImagesPerSecond: Spread }]>('step', options);
  return figures.gradientImagesPerSecond.median;
}

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean' }, rounds: { type: 'string' } } });
const rounds = roundsOf(flags.rounds, flags.quick ? 1 : 3);
const machine = describeMachine();
const hasTensorflow = await prepareDevice('tensorflow', 'cpu').then(
  () => true,
  () => false,
);
if (!hasTensorflow) console.error('skipped: the tensorflow engine is not installed');
if (!chromiumExists()) console.error('skipped: Chromium is absent');

const contests = (flags.quick ? SHARD_SIZES.slice(0, 1) : SHARD_SIZES).map((size): Contest => ({
  work: `shards of ${size}`,
  contenders: [
    { name: 'onnx on cpu', measure: () => engineSpeed('onnx', size) },
    ...(hasTensorflow ? [{ name: 'tensorflow on cpu', measure: () => engineSpeed('tensorflow', size) }] : []),
    ...(chromiumExists() ? [{ name: 'onnx on wasm, in Chromium', measure: () => tabSpeed(size) }] : []),
  ],
}));
const results = await compete(contests, rounds);
console.log(`${machineText(machine)}; ${rounds} rounds\n`);
console.log(standingsTable(results, 'onnx on cpu'));
if (!flags.quick) {
  const file = new URL('results/engines.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, rounds, results }, undefined, 2)}\n`);
}
