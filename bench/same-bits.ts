/**
 * Whether this checkout and another one, both built, train to the same bits, and how fast each is:
 *
 *     npm run bench:same-bits -- OTHER                      native and onnx, three rounds in turn
 *     npm run bench:same-bits -- OTHER --engines onnx --rounds 1 --limit 1024
 *
 * Each round trains the same run in both, in turn. Then a run that the other checkout has begun is resumed here, unless it
 * is refused for its version. Ends with 1 if a digest differs.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { digits, spread, spreadText, table, temporaryDirectory } from '@gantry/cli/bench';
import { roundsOf } from './support/contest.ts';
import { resultOf } from './support/json-command.ts';

interface Trained {
  readonly weightsDigest: string;
  readonly imagesPerSecond: number;
}

const HERE = fileURLToPath(new URL('..', import.meta.url));
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'native,onnx' },
    limit: { type: 'string', default: '12896' },
    rounds: { type: 'string' },
  },
});
const [other] = positionals;
if (other === undefined) throw new Error('expected the path of another checkout, built');
const rounds = roundsOf(flags.rounds, 3);

function train(checkout: string, run: string, ...options: string[]): Promise<Trained> {
  const gantry = join(resolve(checkout), 'packages/cli/bin/gantry.js');
  return resultOf(process.execPath, [gantry, 'train', '--run', run, '--workers', '2', '--exit', '--json', ...options]);
}

/** What is said of a run that another version wrote. @throws what it was given, if it is something else */
function versionRefusal(error: unknown): string {
  if (/wrote it in format \d.*\[E_RUN_DIRECTORY\]/.test(String(error))) return 'refused: another format';
  throw error;
}

const newRun = () => join(temporaryDirectory(), 'run');
const rows: string[][] = [];
let differs = false;
for (const engine of flags.engines.split(',')) {
  const options = ['--limit', flags.limit, '--seed', '7', '--engine', engine];
  const ratios: number[] = [];
  const digests = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const pair = round % 2 === 0 ? [HERE, other] : [other, HERE];
    const trained = new Map<string, Trained>();
    for (const checkout of pair) {
      const result = await train(checkout, newRun(), ...options, '--epochs', '1');
      trained.set(checkout, result);
      digests.add(result.weightsDigest);
      console.error(`${engine}, ${checkout}: ${digits(result.imagesPerSecond)} images/s, ${result.weightsDigest}`);
    }
    ratios.push((trained.get(HERE)?.imagesPerSecond ?? NaN) / (trained.get(other)?.imagesPerSecond ?? NaN));
  }
  const [begun, whole] = [newRun(), newRun()];
  await train(other, begun, ...options, '--epochs', '1');
  const resumed = await train(HERE, begun, '--resume', '--epochs', '2', '--engine', engine).catch(versionRefusal);
  const atOnce = await train(HERE, whole, ...options, '--epochs', '2');
  const resumes = typeof resumed === 'string' || resumed.weightsDigest === atOnce.weightsDigest;
  differs ||= digests.size > 1 || !resumes;
  rows.push([
    engine,
    digests.size === 1 ? `yes, ${[...digests][0]?.slice(0, 16)}…` : 'NO',
    typeof resumed === 'string' ? resumed : resumes ? 'yes' : 'NO',
    spreadText(spread(ratios)),
  ]);
}
console.log(table(['engine', 'same digest', 'resumes exactly', 'images/s here / there'], rows));
process.exitCode = differs ? 1 : 0;
