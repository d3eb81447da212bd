/**
 * Gantry beside PyTorch and Keras on this machine, doing the same work, in turn:
 *
 *     npm run bench:peers                 five rounds, about a quarter of an hour; writes bench/results/peers.json
 *     npm run bench:peers -- --rounds 9   so many instead
 *     npm run bench:peers -- --quick      one short round; writes nothing
 *
 * Needs Python with torch 2.13 and tensorflow-cpu 2.21 (PYTHON names another one); what it lacks is left out.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine, machineText } from '@gantry/cli/bench';
import { compete, roundsOf, standingsTable } from '../support/contest.ts';
import { contestsOf, versionOf, type Effort } from './contenders.ts';

const QUICK: Effort = { imagesOneThread: 512, stepsOfPeers: 2, stepsOfGantry: 4 };
const FULL: Effort = { imagesOneThread: 2560, stepsOfPeers: 20, stepsOfGantry: 80 };

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean' }, rounds: { type: 'string' } } });
const rounds = roundsOf(flags.rounds, flags.quick ? 1 : 5);

const machine = describeMachine();
const versions = { torch: await versionOf('torch'), keras: await versionOf('keras') };
for (const [name, version] of Object.entries(versions)) {
  if (version === undefined) console.error(`skipped: Python does not find ${name}`);
}
const contests = contestsOf(flags.quick ? QUICK : FULL, (needed) => versions[needed] !== undefined);
const results = await compete(contests, rounds);
console.log(
  `${machineText(machine)}; PyTorch ${versions.torch ?? 'none'}, Keras ${versions.keras ?? 'none'}; ${rounds} rounds\n`,
);
console.log(standingsTable(results, 'Gantry'));
if (!flags.quick) {
  const file = new URL('../results/peers.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, versions, rounds, results }, undefined, 2)}\n`);
}
