/**
 * Trains under random faults and checks that nothing of it can be seen in the result:
 *
 *     npm run chaos -- --minutes 2 --seed 1
 *
 * The seed fixes which faults strike what and when. When time is up, all is healed, the run is finished, its files are
 * checked, and its digest is compared with that of an undisturbed run. If anything is wrong, the exit code is 1, and
 * all files stay.
 */
import { WIRES } from '@gantry/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { killAll, removeTemporaryDirectories } from '../support/gantry-process.ts';
import { ChaosRun, type ChaosOptions, type ChaosOutcome } from './chaos-run.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 10_000) return minutes;
  throw new InvalidArgumentError('Expected minutes above 0.');
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed;
  throw new InvalidArgumentError('Expected a whole number of at least 0.');
}

function report({
  struck,
  coordinatorKills,
  coordinatorResumes,
  spoiled,
  checked,
  referenceDigest,
}: ChaosOutcome): void {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const total = [...struck.values()].reduce((sum, count) => sum + count, 0);
  console.log(`faults:       ${total}: ${list(struck)}`);
  console.log(`coordinator:  killed ${coordinatorKills} times, resumed ${coordinatorResumes} times`);
  console.log(`garbage:      ${spoiled} times between two frames`);
  console.log(`events:       ${list(checked.events)}`);
  console.log(`steps:        ${checked.steps} in ${checked.epochs} epochs`);
  console.log(`digest:       ${checked.weightsDigest}`);
  console.log(`undisturbed:  ${referenceDigest}`);
}

const options = new Command('chaos')
  .description('train under random faults and check that nothing of it can be seen in the result')
  .option('--minutes <n>', 'how long faults strike', parseMinutes, 2)
  .option('--seed <n>', 'which faults, and when; also that of the training', parseSeed, 1)
  .option('--local-steps <n>', 'steps between two exchanges', '1')
  .addOption(new Option('--wire <format>', 'how gradients and weights travel').choices(WIRES).default('float32'))
  .parse()
  .opts<ChaosOptions>();
const chaos = new ChaosRun(options);

// Whatever ends this process, no other one stays.
process.on('exit', () => {
  killAll();
  chaos.unmount();
});
for (const [signal, exitCode] of Object.entries(EXIT_CODES)) {
  process.on(signal, () => {
    killAll();
    chaos.unmount();
    removeTemporaryDirectories();
    process.exit(exitCode);
  });
}

try {
  report(await chaos.run());
} catch (error) {
  chaos.violations.push(error instanceof Error ? error.message : String(error));
}
killAll();
if (chaos.violations.length === 0) {
  console.log('verdict:      passed');
  chaos.unmount();
  removeTemporaryDirectories();
} else {
  for (const violation of new Set(chaos.violations)) console.log(`violation:    ${violation}`);
  console.log(`verdict:      failed; see ${chaos.directory} and ${chaos.writeLogs()}`);
}
// Links and rogues may still hold something open.
process.exit(chaos.violations.length === 0 ? 0 : 1);
