/** How fast frames are checked: `npm run bench:checksum`. */
import { describeMachine, spread, spreadText, table } from '@gantry/cli/bench';
import { checksum } from '@gantry/core';

const SIZES = [1_000, 100_000, 10_000_000] as const;
const BYTES = 200e6;
const ROUNDS = 9;

const machine = describeMachine();
const rows = SIZES.map((size) => {
  const bytes = new Uint8Array(size).map((_, i) => i);
  const speeds = Array.from({ length: ROUNDS }, () => {
    const begin = performance.now();
    for (let done = 0; done < BYTES; done += size) checksum(bytes);
    return BYTES / 1e6 / (performance.now() - begin);
  });
  return [`${size / 1000} kB`, spreadText(spread(speeds))];
});
console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n`);
console.log(table(['a frame of', 'GB/s, median (range)'], rows));
