import { describe, expect, it } from 'vitest';
import { Audit } from './audit.ts';

const ROUNDS = 20_000;
const LIARS = 2000;
/** Of the mean over so many liars: a geometric distribution's deviation is about its mean. */
const DEVIATIONS = 5;

const audit = (rate: number) => new Audit({ rate });

describe('units that are audited', () => {
  it.each([0.02, 0.5, 1])('are a share of %f of all', (rate) => {
    const drawn = audit(rate);
    const picked = Array.from({ length: ROUNDS }, (_, round) => drawn.picks({ round, index: round % 7 }));
    const share = picked.filter(Boolean).length / ROUNDS;
    expect(Math.abs(share - rate)).toBeLessThanOrEqual(DEVIATIONS * Math.sqrt((rate * (1 - rate)) / ROUNDS));
  });

  it('stay the same for a run, and are others for another one: workers cannot know them', () => {
    const [one, other] = [audit(0.5), audit(0.5)];
    const picks = (of: Audit) => Array.from({ length: 200 }, (_, index) => of.picks({ round: 3, index }));
    expect(picks(one)).toEqual(picks(one));
    expect(picks(one)).not.toEqual(picks(other));
  });

  it.each([0, -1, 1.01, NaN])('cannot be a share of %f', (rate) => {
    expect(() => audit(rate)).toThrow(/above 0 and at most 1/);
  });
});

/** What docs/operations.md says, of a worker that computes some units in each step and lies in a share of them. */
function expectedSteps(rate: number, lying: number, units: number): number {
  return 1 / (1 - (1 - rate * lying) ** units);
}

describe('a liar', () => {
  it.each([
    [0.02, 1, 2],
    [0.02, 0.1, 2],
    [0.1, 0.5, 8],
    [1, 0.05, 1],
  ])(
    'audited at %f that lies in %f of %i units a step is found after the steps of the formula',
    (rate, lying, units) => {
      let steps = 0;
      for (let liar = 0; liar < LIARS; liar++) {
        const drawn = audit(rate);
        const isFound = (round: number) =>
          Array.from({ length: units }, (_, index) => index).some(
            (index) => Math.random() < lying && drawn.picks({ round, index }),
          );
        let round = 0;
        while (!isFound(round)) round++;
        steps += round + 1;
      }
      const expected = expectedSteps(rate, lying, units);
      expect(Math.abs(steps / LIARS / expected - 1)).toBeLessThanOrEqual(DEVIATIONS / Math.sqrt(LIARS));
    },
  );
});

describe('work that nothing has confirmed', () => {
  it('counts from the first one, until an answer is confirmed', () => {
    const kept = audit(1);
    kept.trusted('ada', { round: 3, step: 1 });
    kept.trusted('ada', { round: 9, step: 4 });
    kept.trusted('bob', { round: 5, step: 2 });
    expect(kept.unconfirmedSince('ada')).toEqual({ round: 3, step: 1 });
    kept.confirmed('ada');
    expect(kept.unconfirmedSince('ada')).toBeUndefined();
    expect(kept.unconfirmedSince('bob')).toEqual({ round: 5, step: 2 });
    kept.trusted('ada', { round: 10, step: 5 });
    expect(kept.unconfirmedSince('ada')).toEqual({ round: 10, step: 5 });
  });

  it('takes no memory without bound', () => {
    const kept = audit(1);
    for (let i = 0; i <= 10_000; i++) kept.trusted(`identity ${i}`, { round: i, step: i });
    expect(kept.unconfirmedSince('identity 0')).toBeUndefined();
    expect(kept.unconfirmedSince('identity 10000')).toEqual({ round: 10_000, step: 10_000 });
  });
});
