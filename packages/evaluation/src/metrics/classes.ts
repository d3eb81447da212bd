import { exp, log } from '@gantry/core';
import { countRows } from './rows.ts';

/** How far the probabilities of a sample may add up to something else than 1: float32 of any classifier is nearer. */
const TOLERANCE = 1e-3;

/**
 * Probabilities from a classifier's logits: exp(x) of each, divided by their sum.
 * @param logits [count,classes]
 * @param classes 2 or more
 * @returns [count,classes], computed in doubles; each row adds up to 1 but for the rounding to float32
 * @throws RangeError if a logit is not finite, or if they are no rows of so many
 */
export function softmax(logits: Float32Array, classes: number): Float32Array<ArrayBuffer> {
  requireClasses(logits, classes);
  const probabilities = new Float32Array(logits.length);
  const powers = new Float64Array(classes);
  for (let begin = 0; begin < logits.length; begin += classes) {
    const row = logits.subarray(begin, begin + classes);
    if (!row.every(Number.isFinite)) throw new RangeError(`sample ${begin / classes} has a logit that is not finite`);
    // Less the largest, so that no power overflows.
    const largest = row[largestOf(row)] as number;
    let sum = 0;
    for (let i = 0; i < classes; i++) sum += powers[i] = exp((row[i] as number) - largest);
    for (let i = 0; i < classes; i++) probabilities[begin + i] = (powers[i] as number) / sum;
  }
  return probabilities;
}

/**
 * The share of each class in the samples, each of which counts as its most probable class; as the first of several.
 * @param probabilities [count,classes], each row adding up to 1
 * @param classes 2 or more
 * @returns [classes], 0 … 1
 * @throws RangeError if there is no sample, or if a row is no distribution
 */
export function classShares(probabilities: Float32Array, classes: number): number[] {
  const count = requireDistributions(probabilities, classes);
  const samples = Array.from({ length: classes }, () => 0);
  for (let begin = 0; begin < probabilities.length; begin += classes) {
    const label = largestOf(probabilities.subarray(begin, begin + classes));
    samples[label] = (samples[label] as number) + 1;
  }
  return samples.map((ofClass) => ofClass / count);
}

/**
 * The entropy −Σ s·log s of the shares of classes, relative to the largest there is, log(classes).
 * @param shares [classes], 2 or more, which add up to 1
 * @returns 0 (all samples of one class) … 1 (as many of each)
 * @throws RangeError if there is one class only
 */
export function entropy(shares: readonly number[]): number {
  if (shares.length < 2) throw new RangeError(`${shares.length} classes, where 2 or more are told apart`);
  let sum = 0;
  for (const share of shares) if (share > 0) sum -= share * log(share);
  return Math.min(1, Math.max(0, sum / log(shares.length)));
}

/**
 * exp(mean over the samples of KL(p(y|x) ‖ p(y))), where p(y) is the mean of the samples' p(y|x): the form of the inception
 * score of Salimans et al. (2016), https://arxiv.org/abs/1606.03498, with whatever classifier. It is high where each sample
 * is surely of one class, and all classes are met alike.
 * @param probabilities [count,classes], each row adding up to 1: p(y|x)
 * @param classes 2 or more
 * @returns 1 … classes
 * @throws RangeError if there is no sample, or if a row is no distribution
 */
export function score(probabilities: Float32Array, classes: number): number {
  const count = requireDistributions(probabilities, classes);
  const logOfMean = new Float64Array(classes);
  for (let i = 0; i < classes; i++) {
    let sum = 0;
    for (let at = i; at < probabilities.length; at += classes) sum += probabilities[at] as number;
    // A class that no sample may be of has no part in any divergence.
    logOfMean[i] = sum > 0 ? log(sum / count) : 0;
  }
  let divergence = 0;
  for (let begin = 0; begin < probabilities.length; begin += classes) {
    for (let i = 0; i < classes; i++) {
      const p = probabilities[begin + i] as number;
      if (p > 0) divergence += p * (log(p) - (logOfMean[i] as number));
    }
  }
  return Math.min(classes, Math.max(1, exp(divergence / count)));
}

/**
 * The part of the samples whose most probable class, as the first of several, is the one that was asked for.
 * @param probabilities [count,classes]
 * @param asked the class that sample i shall be of
 * @returns 0 … 1
 * @throws RangeError if there is no sample, or if a row is no distribution
 */
export function agreement(probabilities: Float32Array, classes: number, asked: (sample: number) => number): number {
  const count = requireDistributions(probabilities, classes);
  let right = 0;
  for (let i = 0; i < count; i++) {
    if (largestOf(probabilities.subarray(i * classes, (i + 1) * classes)) === asked(i)) right++;
  }
  return right / count;
}

/** The place of the largest number, the first of several. */
function largestOf(row: Float32Array): number {
  let place = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[place] as number)) place = i;
  return place;
}

function requireClasses(rows: Float32Array, classes: number): number {
  const count = countRows(rows, classes);
  if (classes < 2) throw new RangeError(`${classes} class, where 2 or more are told apart`);
  return count;
}

/** Returns how many there are. */
function requireDistributions(probabilities: Float32Array, classes: number): number {
  const count = requireClasses(probabilities, classes);
  if (count === 0) throw new RangeError('no sample to classify');
  for (let begin = 0; begin < probabilities.length; begin += classes) {
    let sum = 0;
    for (let i = 0; i < classes; i++) {
      const p = probabilities[begin + i] as number;
      if (!(p >= 0)) throw new RangeError(`sample ${begin / classes} has a probability of ${p}`);
      sum += p;
    }
    if (!(Math.abs(sum - 1) <= TOLERANCE)) {
      throw new RangeError(`the probabilities of sample ${begin / classes} add up to ${sum}`);
    }
  }
  return count;
}
