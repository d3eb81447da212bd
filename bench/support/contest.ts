import { digits, spread, spreadText, table, type Spread } from '@gantry/cli/bench';

/** What is measured beside others: each block in fresh processes. */
export interface Contender {
  readonly name: string;
  /** Images per second of one block. */
  measure(): Promise<number>;
}

/** Contenders that do the same work; the first one is what the others are compared with. */
export interface Contest<Each extends Contender = Contender> {
  readonly work: string;
  readonly contenders: readonly Each[];
}

export interface Standing {
  readonly work: string;
  readonly name: string;
  readonly imagesPerSecond: Spread;
  /** Images per second of the first contender / those of this one, round by round; absent for the first one itself. */
  readonly ratio?: Spread;
}

/** Lets the contenders of each contest work in turn, round by round, and says on standard error how far it is. */
export async function compete(contests: readonly Contest[], rounds: number): Promise<Standing[]> {
  const rates = new Map<Contender, number[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const { work, contenders } of contests) {
      // What drifts must not always strike the same one.
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        const rate = await contender.measure();
        rates.set(contender, [...(rates.get(contender) ?? []), rate]);
        console.error(`round ${round}/${rounds}, ${work}: ${contender.name}: ${digits(rate)} images/s`);
      }
    }
  }
  return contests.flatMap(({ work, contenders }) => {
    const ratesOf = (contender: Contender | undefined) => (contender && rates.get(contender)) ?? [];
    const first = ratesOf(contenders[0]);
    return contenders.map((contender, i): Standing => {
      const own = ratesOf(contender);
      const standing = { work, name: contender.name, imagesPerSecond: spread(own) };
      return i === 0
        ? standing
        : { ...standing, ratio: spread(own.map((rate, round) => (first[round] ?? NaN) / rate)) };
    });
  });
}

/** A markdown table. @param first what the others are compared with */
export function standingsTable(standings: readonly Standing[], first: string): string {
  const rows = standings.map(({ work, name, imagesPerSecond, ratio }) => [
    work,
    name,
    spreadText(imagesPerSecond),
    ratio ? spreadText(ratio) : '',
  ]);
  return table(['work', 'who', 'images/s, median (range)', `${first} / it, median of rounds`], rows);
}

/** @param text of `--rounds`, if it was given */
export function roundsOf(text: string | undefined, usual: number): number {
  const rounds = Number(text ?? usual);
  if (Number.isInteger(rounds) && rounds >= 1) return rounds;
  throw new Error('--rounds: expected a whole number of at least 1');
}
