import { describe, expect, it } from 'vitest';
import { distanceOf, isBetter, type Measures } from './evaluation.ts';

const digits = (frechetDistance: number): Measures => ({ features: 'digits', samples: 10, frechetDistance });
const patches = (slicedWassersteinDistance: number): Measures => {
  return { features: 'patches', samples: 10, slicedWassersteinDistance };
};

describe('an evaluation', () => {
  it('has the distance that its features allow', () => {
    expect(distanceOf(digits(3))).toBe(3);
    expect(distanceOf(patches(4))).toBe(4);
    expect(distanceOf({ features: 'none', samples: 1 })).toBeNaN();
  });

  it('is better if its distance is less, and the first of its features', () => {
    expect(isBetter(digits(3), undefined)).toBe(true);
    expect(isBetter(digits(3), digits(4))).toBe(true);
    expect(isBetter(digits(4), digits(4))).toBe(false);
    expect(isBetter(digits(5), digits(4))).toBe(false);
  });

  it('is not measured by one of other features', () => {
    expect(isBetter(digits(50), patches(4))).toBe(true);
  });

  it('is never better without a number', () => {
    expect(isBetter(digits(NaN), undefined)).toBe(false);
  });
});
