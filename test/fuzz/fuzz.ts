/**
 * Feeds every decoder with damaged and forged input, and checks that each answers with a coded error or a valid value, and soon:
 *
 *     npm run fuzz -- --count 1000000 --seed 1
 *
 * Half of it are frames of the wire protocol, half ONNX models. Ends with 1 at the first input that has another outcome, and prints it.
 */
import { parseArgs } from 'node:util';
import { describeMachine } from '@gantry/cli/bench';
import { Dice } from '../chaos/dice.ts';
import { mutatedFrames } from './frames.ts';
import { mutatedModels } from './models.ts';
import type { Subject } from './mutate.ts';

/** Far more than any input of these sizes takes. */
const LIMIT_MS = 5000;

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
const subjects: Readonly<Record<string, Subject>> = { frames: mutatedFrames(), models: mutatedModels() };

const { cpu, cores, node } = describeMachine();
console.log(`${cpu}, ${cores} cores, Node ${node}; ${count} inputs, seed ${seed}`);
for (const [stream, [name, next]] of Object.entries(subjects).entries()) {
  const dice = new Dice(seed, stream);
  const outcomes = new Map<string, number>();
  const begin = performance.now();
  for (let i = 0; i < count / 2; i++) {
    const { input, decode } = next(dice);
    const started = performance.now();
    let outcome: string;
    try {
      outcome = decode();
    } catch (error) {
      console.error(`${name} ${i}: ${String(error)}\n${Buffer.from(input).toString('base64')}`);
      process.exit(1);
    }
    const ms = performance.now() - started;
    if (ms > LIMIT_MS) {
      console.error(`${name} ${i}: took ${Math.round(ms)} ms\n${Buffer.from(input).toString('base64')}`);
      process.exit(1);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const list = [...outcomes].toSorted(([, a], [, b]) => b - a).map(([outcome, times]) => `${outcome} ${times}`);
  console.log(`${name}: ${list.join(', ')}; ${((performance.now() - begin) / 1000).toFixed(0)} s`);
}
