/**
 * What local steps and a compact wire are worth on slow links: two workers, joined to their coordinator by a proxy
 * that stands for its network card:
 *
 *     npm run bench:links                            three rounds; writes bench/results/links.json
 *     npm run bench:links -- --repeat 5              so many instead
 *     npm run bench:links -- --only '32 int8'        this setting alone; more of them by more --only; writes nothing
 *     npm run bench:links -- --device-rate 500       workers that wait as long as devices of 500 images/s would, and
 *                                                    compute nothing; writes bench/results/links-of-devices.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine, digits, machineText, spread, spreadText, table, type Spread } from '@gantry/cli/bench';
import { killAll } from '../test/support/gantry-process.ts';
import { linkedRun, type EpochFigures, type Setting } from './support/linked-run.ts';
import type { MessageBytes } from './support/message-tally.ts';
import type { LinkRate } from './support/network-card.ts';

/**
 * One round in an epoch where there are most local steps; fewer images where each step is a round, which takes
 * seconds.
 */
const [IMAGES, IMAGES_OF_SINGLE_STEPS] = [8192, 2048];
const SETTINGS: readonly Setting[] = [
  { localSteps: 1, wire: 'float32', images: IMAGES_OF_SINGLE_STEPS },
  { localSteps: 1, wire: 'int8', images: IMAGES_OF_SINGLE_STEPS },
  { localSteps: 8, wire: 'int8', images: IMAGES },
  { localSteps: 32, wire: 'float32', images: IMAGES },
  { localSteps: 32, wire: 'int8', images: IMAGES },
];

interface Link extends LinkRate {
  readonly name: string;
}

/** The first one is what the others are compared with. */
const LINKS: readonly [Link, ...Link[]] = [
  { name: 'unlimited', bitsPerSecond: Infinity, delayMs: 0 },
  { name: '1 Gbit/s', bitsPerSecond: 1e9, delayMs: 0 },
  { name: '100 Mbit/s', bitsPerSecond: 100e6, delayMs: 0 },
  { name: '100 Mbit/s, 20 ms', bitsPerSecond: 100e6, delayMs: 20 },
];

/** A setting on a link. */
interface Place {
  readonly setting: Setting;
  readonly link: Link;
}

interface Standing {
  readonly setting: Setting;
  readonly link: string;
  /** Of each epoch. */
  readonly imagesPerSecond: readonly Spread[];
  /** Of the last epoch: of the same without a limit, round by round. */
  readonly ofUnlimited: Spread;
  /** Of each epoch, in the last round. */
  readonly bytesPerImage: readonly MessageBytes[];
}

process.on('exit', killAll);

const { values: flags } = parseArgs({
  options: {
    repeat: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
    'device-rate': { type: 'string' },
  },
});

const nameOf = ({ localSteps, wire }: Setting): string => `${localSteps} ${wire}`;

/** @throws Error for a name that is none */
function chosenSettings(): Setting[] {
  const names = flags.only ?? SETTINGS.map(nameOf);
  for (const name of names) {
    if (SETTINGS.some((setting) => nameOf(setting) === name)) continue;
    throw new Error(`--only '${name}': expected one of ${SETTINGS.map((each) => `'${nameOf(each)}'`).join(', ')}`);
  }
  return SETTINGS.filter((setting) => names.includes(nameOf(setting)));
}

/** @throws Error for a number that is of no use */
function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--${flag}: expected a whole number of at least 1`);
}

/** Whether machine code may use it; false where that cannot be told. */
function hasAvx512(): boolean {
  try {
    return /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

/** Runs everything in turn, round by round: what drifts strikes all of it alike. */
async function measureAll(places: readonly Place[], repeats: number): Promise<Map<Place, EpochFigures[][]>> {
  const measured = new Map<Place, EpochFigures[][]>(places.map((place) => [place, []]));
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const place of repeat % 2 === 1 ? places : places.toReversed()) {
      const epochs = await linkedRun(place.setting, place.link, deviceRate);
      measured.get(place)?.push(epochs);
      const rates = epochs.map(({ imagesPerSecond }) => digits(imagesPerSecond)).join(' and ');
      console.error(`round ${repeat}/${repeats}, ${nameOf(place.setting)}, ${place.link.name}: ${rates} images/s`);
    }
  }
  return measured;
}

function standingsOf(measured: ReadonlyMap<Place, readonly EpochFigures[][]>): Standing[] {
  return [...measured].map(([{ setting, link }, rounds]) => {
    const [, unlimited = []] =
      [...measured].find(([place]) => place.setting === setting && place.link === LINKS[0]) ?? [];
    const last = (epochs: readonly EpochFigures[] | undefined) => epochs?.at(-1)?.imagesPerSecond ?? NaN;
    const epochs = rounds.at(-1) ?? [];
    return {
      setting,
      link: link.name,
      imagesPerSecond: epochs.map((_, epoch) => spread(rounds.map((each) => each[epoch]?.imagesPerSecond ?? NaN))),
      ofUnlimited: spread(rounds.map((each, round) => last(each) / last(unlimited[round]))),
      bytesPerImage: epochs.map(({ bytesPerImage }) => bytesPerImage),
    };
  });
}

const deviceRate = flags['device-rate'] === undefined ? undefined : wholeNumber('device-rate', flags['device-rate']);
const machine = { ...describeMachine(), avx512: hasAvx512() };
const repeats = wholeNumber('repeat', flags.repeat);
const places = chosenSettings().flatMap((setting) => LINKS.map((link) => ({ setting, link })));
const results = standingsOf(await measureAll(places, repeats));
const kilobytes = (bytes: number | undefined) => digits((bytes ?? NaN) / 1000);
const rows = results.map(({ setting, link, imagesPerSecond, ofUnlimited, bytesPerImage }) => [
  `${setting.localSteps}`,
  setting.wire,
  link,
  ...imagesPerSecond.map(spreadText),
  `${(ofUnlimited.median * 100).toFixed(0)}%`,
  kilobytes(bytesPerImage.at(-1)?.in),
  kilobytes(bytesPerImage.at(-1)?.out),
  ...bytesPerImage.map(({ images }) => kilobytes(images)),
]);
console.log(`${machineText(machine)}${machine.avx512 ? ', AVX-512' : ''}; ${repeats} rounds\n`);
console.log(
  table(
    [
      'local steps|wire|link|images/s, first epoch|images/s, second epoch|of unlimited',
      'kB in|kB out without images|kB of images at first|kB of images then',
    ]
      .join('|')
      .split('|'),
    rows,
  ),
);
if (!flags.only) {
  const name = deviceRate === undefined ? 'links' : 'links-of-devices';
  const all = { machine, rounds: repeats, ...(deviceRate !== undefined && { deviceRate }), results };
  writeFileSync(new URL(`results/${name}.json`, import.meta.url), `${JSON.stringify(all, undefined, 2)}\n`);
}
