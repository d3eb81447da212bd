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
import { describeMachine, digits, machineText, spread, spreadText, table, type Spread } from '@gantry/cli/bench';
import { CONTESTS, versionOf, type Contender, type Effort } from './contenders.ts';

const QUICK: Effort = { imagesOneThread: 512, stepsOfPeers: 2, stepsOfGantry: 4 };
const FULL: Effort = { imagesOneThread: 2560, stepsOfPeers: 20, stepsOfGantry: 80 };

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean' }, rounds: { type: 'string' } } });
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 5));
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds: expected a whole number of at least 1');

interface Standing {
  readonly work: string;
  readonly name: string;
  readonly imagesPerSecond: Spread;
  /** Gantry's images per second / those of this one, round by round; absent for Gantry itself. */
  readonly ratio?: Spread;
}

const machine = describeMachine();
const versions = { torch: await versionOf('torch'), keras: await versionOf('keras') };
for (const [name, version] of Object.entries(versions)) {
  if (version === undefined) console.error(`skipped: Python does not find ${name}`);
}

const isThere = ({ needs }: Contender) => needs === undefined || versions[needs] !== undefined;
const contests = CONTESTS.map(({ work, contenders }) => ({ work, contenders: contenders.filter(isThere) }));
const rates = new Map<Contender, number[]>();
for (let round = 1; round <= rounds; round++) {
  for (const { work, contenders } of contests) {
    // What drifts must not always strike the same one.
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      const rate = await contender.measure(flags.quick ? QUICK : FULL);
      rates.set(contender, [...(rates.get(contender) ?? []), rate]);
      console.error(`round ${round}/${rounds}, ${work}: ${contender.name}: ${digits(rate)} images/s`);
    }
  }
}

const standings = contests.flatMap(({ work, contenders: [gantry, ...peers] }): Standing[] => {
  const own = (gantry && rates.get(gantry)) ?? [];
  const standing = (contender: Contender) => {
    return { work, name: contender.name, imagesPerSecond: spread(rates.get(contender) ?? []) };
  };
  return [
    ...(gantry ? [standing(gantry)] : []),
    ...peers.map((each) => ({
      ...standing(each),
      ratio: spread((rates.get(each) ?? []).map((rate, round) => (own[round] ?? NaN) / rate)),
    })),
  ];
});

console.log(
  `${machineText(machine)}; PyTorch ${versions.torch ?? 'none'}, Keras ${versions.keras ?? 'none'}; ${rounds} rounds\n`,
);
const rows = standings.map(({ work, name, imagesPerSecond, ratio }) => [
  work,
  name,
  spreadText(imagesPerSecond),
  ratio ? spreadText(ratio) : '',
]);
console.log(table(['work', 'who', 'images/s, median (range)', 'Gantry / it, median of rounds'], rows));
if (!flags.quick) {
  const file = new URL('../results/peers.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, versions, rounds, results: standings }, undefined, 2)}\n`);
}
