import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rateAt, scheduleSchema } from './schedule.ts';

const learningRates = fc.double({ min: 1e-8, max: 10, noNaN: true });
const fractions = fc.double({ min: 0, max: 1, noNaN: true });
const warmUps = fc.nat(1000);
const lengths = fc.integer({ min: 1, max: 1_000_000 });

describe('rateAt', () => {
  it('is the learning rate without a schedule', () => {
    expect([0, 1, 10 ** 9].map((step) => rateAt(3e-4, undefined, step))).toEqual([3e-4, 3e-4, 3e-4]);
  });

  it('rises in equal parts, from one of them to the learning rate, whatever follows', () => {
    for (const kind of [{ kind: 'constant' }, { kind: 'cosine', steps: 10 }]) {
      const schedule = scheduleSchema.parse({ ...kind, warmUpSteps: 4 });
      expect([0, 1, 2, 3, 4].map((step) => rateAt(2, schedule, step))).toEqual([0.5, 1, 1.5, 2, 2]);
    }
  });

  it('is constant after the warm-up, exactly', () => {
    fc.assert(
      fc.property(learningRates, warmUps, fc.nat(), (rate, warmUpSteps, later) => {
        expect(rateAt(rate, { kind: 'constant', warmUpSteps }, warmUpSteps + later)).toBe(rate);
      }),
    );
  });

  it('never falls during a warm-up', () => {
    fc.assert(
      fc.property(learningRates, fc.integer({ min: 2, max: 1_000_000 }), fractions, (rate, warmUpSteps, place) => {
        const step = Math.floor(place * (warmUpSteps - 2));
        const [before, after] = [step, step + 1].map((at) => rateAt(rate, { kind: 'constant', warmUpSteps }, at));
        expect(before).toBeGreaterThan(0);
        expect(after).toBeGreaterThan(before as number);
        expect(after).toBeLessThanOrEqual(rate);
      }),
    );
  });

  it('begins a cosine with the learning rate and ends it with the final fraction, both exactly', () => {
    fc.assert(
      fc.property(
        learningRates,
        warmUps,
        lengths,
        fractions,
        fc.nat(),
        (rate, warmUpSteps, steps, finalFraction, later) => {
          const schedule = { kind: 'cosine', warmUpSteps, steps, finalFraction } as const;
          expect(rateAt(rate, schedule, warmUpSteps)).toBe(rate);
          expect(rateAt(rate, schedule, warmUpSteps + steps + later)).toBe(rate * finalFraction);
        },
      ),
    );
  });

  it('never rises in a cosine, and follows the formula', () => {
    fc.assert(
      fc.property(lengths, fractions, fractions, (steps, finalFraction, place) => {
        const step = Math.floor(place * (steps - 1));
        const schedule = { kind: 'cosine', warmUpSteps: 0, steps, finalFraction } as const;
        const before = rateAt(1, schedule, step);
        expect(rateAt(1, schedule, step + 1)).toBeLessThanOrEqual(before);
        const formula = finalFraction + ((1 - finalFraction) * (1 + Math.cos((Math.PI * step) / steps))) / 2;
        expect(Math.abs(before - formula)).toBeLessThan(1e-15);
      }),
    );
  });

  it('has these bits on every engine', () => {
    const schedule = { kind: 'cosine', warmUpSteps: 0, steps: 12, finalFraction: 0.1 } as const;
    const rates = Array.from({ length: 13 }, (_, step) => rateAt(2e-4, schedule, step));
    expect(rates).toEqual([
      0.0002, 0.00019693332436601614, 0.0001879422863405995, 0.00017363961030678927, 0.000155, 0.00013329371405922688,
      0.00011000000000000002, 0.00008670628594077313, 0.00006500000000000002, 0.00004636038969321072,
      0.00003205771365940052, 0.00002306667563398385, 0.00002,
    ]);
  });
});

describe('scheduleSchema', () => {
  it('has defaults', () => {
    expect(scheduleSchema.parse({ kind: 'cosine', steps: 5 })).toEqual({
      kind: 'cosine',
      steps: 5,
      warmUpSteps: 0,
      finalFraction: 0,
    });
  });
});
