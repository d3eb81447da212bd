import { InvalidArgumentError } from 'commander';

/** A parser of option values for commander: a whole number within bounds. */
export function wholeNumber(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum) {
      const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
      throw new InvalidArgumentError(`Expected a whole number ${range}.`);
    }
    return value;
  };
}

/** A parser of several whole numbers within bounds, with commas between them: each once, in the order given. */
export function wholeNumbers(minimum: number, maximum: number) {
  const parse = wholeNumber(minimum, maximum);
  return (text: string): number[] => [...new Set(text.split(',').map(parse))];
}

/** A parser of numbers for commander. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** A parser of shares for commander: above 0, at most 1. */
export function share(text: string): number {
  const value = number(text);
  if (value <= 0 || value > 1) throw new InvalidArgumentError('Expected a number above 0 and at most 1.');
  return value;
}
