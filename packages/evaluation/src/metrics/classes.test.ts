import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classShares, entropy, score, softmax } from './classes.ts';
import { normalRows } from './testing/normal-rows.ts';

/** Each sample surely of its class. */
function sure(labels: readonly number[], classes: number): Float32Array {
  const probabilities = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => (probabilities[i * classes + label] = 1));
  return probabilities;
}

const labels = (count: number, classes: number) => Array.from({ length: count }, (_, i) => i % classes);

describe('softmax', () => {
  it('is exp(x) / Σ exp(x), however large the logits are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 2, maxLength: 8 }),
        fc.constantFrom(0, 2 ** 20),
        (row, offset) => {
          const logits = Float32Array.from(row, (x) => x + offset);
          const powers = logits.map((x) => Math.exp(x - offset));
          const sum = powers.reduce((a, b) => a + b, 0);
          softmax(logits, row.length).forEach((p, i) => expect(p).toBeCloseTo((powers[i] ?? 0) / sum, 6));
        },
      ),
    );
  });

  it('takes each row by itself', () => {
    expect([...softmax(Float32Array.of(0, 0, 1000, -1000, -3e38, 3e38), 2)]).toEqual([0.5, 0.5, 1, 0, 0, 1]);
    expect(softmax(new Float32Array(), 2)).toEqual(new Float32Array());
  });

  it.each([NaN, Infinity, -Infinity])('refuses %d', (logit) => {
    expect(() => softmax(Float32Array.of(0, 0, 0, logit), 2)).toThrow('sample 1 has a logit that is not finite');
  });
});

describe('classShares', () => {
  it('counts the most probable class of each sample, the first of several', () => {
    const shares = classShares(Float32Array.of(0.2, 0.5, 0.3, 0.4, 0.4, 0.2, 0, 0, 1, 0.1, 0.8, 0.1), 3);
    expect(shares).toEqual([0.25, 0.5, 0.25]);
  });

  it('refuses what are no distributions', () => {
    expect(() => classShares(new Float32Array(), 3)).toThrow(RangeError);
    expect(() => classShares(Float32Array.of(1), 1)).toThrow(RangeError);
    expect(() => classShares(Float32Array.of(1, 0, 0.5), 2)).toThrow(RangeError);
    expect(() => classShares(Float32Array.of(1, 0, 0.5, 0.4), 2)).toThrow('sample 1');
    expect(() => classShares(Float32Array.of(1.5, -0.5), 2)).toThrow('probability of -0.5');
    expect(() => classShares(Float32Array.of(NaN, 1), 2)).toThrow('probability of NaN');
    expect(() => classShares(Float32Array.of(Infinity, 1), 2)).toThrow(RangeError);
  });
});

describe('entropy', () => {
  it('is 0 for one class and 1 for as many of each', () => {
    expect(entropy([0, 1, 0])).toBe(0);
    for (let classes = 2; classes <= 100; classes++) {
      expect(entropy(Array.from({ length: classes }, () => 1 / classes))).toBeCloseTo(1, 12);
    }
  });

  it('is relative to the classes there are', () => {
    expect(entropy([0.5, 0.5, 0, 0])).toBeCloseTo(0.5, 12);
    expect(() => entropy([1])).toThrow(RangeError);
  });

  it('is between them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 2, maxLength: 20 }), (counts) => {
        const sum = counts.reduce((a, b) => a + b, 0);
        fc.pre(sum > 0);
        const value = entropy(counts.map((count) => count / sum));
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('score', () => {
  it('is 1 for one class, and the number of classes for sure samples of all', () => {
    expect(score(sure([2, 2, 2, 2], 5), 5)).toBe(1);
    for (const classes of [2, 3, 10, 100]) {
      expect(score(sure(labels(7 * classes, classes), classes), classes)).toBeCloseTo(classes, 10);
    }
  });

  it('is 1 where every sample may be of any class', () => {
    expect(score(new Float32Array(40).fill(0.1), 10)).toBeCloseTo(1, 12);
  });

  it('is exp of the mean divergence', () => {
    // p(y) is ½, ½: each sample diverges by ¾·log(3/2) + ¼·log(1/2).
    const expected = Math.exp(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5));
    expect(score(Float32Array.of(0.75, 0.25, 0.25, 0.75), 2)).toBeCloseTo(expected, 12);
  });

  it('is between 1 and the number of classes', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 2, max: 10 }),
        fc.integer({ min: 1, max: 20 }),
        (seed, classes, count) => {
          const probabilities = softmax(
            normalRows(count, classes, seed).map((x) => 30 * x),
            classes,
          );
          const value = score(probabilities, classes);
          expect(value).toBeGreaterThanOrEqual(1);
          expect(value).toBeLessThanOrEqual(classes);
        },
      ),
    );
  });
});
