/** Fewer marks than this tell nothing about a scale. */
const MIN_TICKS = 3;
const MAX_TICKS = 7;
const MANTISSAS = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]];

/** Round values for the marks of a logarithmic axis, ascending. @param min above 0 @param max above `min` */
export function logTicks(min: number, max: number): number[] {
  const inside = (value: number) => value >= min && value <= max;
  const decades = range(Math.floor(Math.log10(min)), Math.ceil(Math.log10(max)));
  const few = decades.map((decade) => 10 ** decade).filter(inside);
  if (few.length > MAX_TICKS) {
    const every = Math.ceil(few.length / MAX_TICKS);
    return few.filter((_, i) => i % every === 0);
  }
  for (const mantissas of MANTISSAS) {
    const ticks = decades.flatMap((decade) => mantissas.map((m) => Number(`${m}e${decade}`))).filter(inside);
    if (ticks.length >= MIN_TICKS) return ticks;
  }
  // Within a narrow range, a logarithmic scale is nearly even.
  const step = 10 ** Math.floor(Math.log10((max - min) / MIN_TICKS));
  const factor = [5, 2, 1].find((each) => Math.floor(max / (step * each)) - Math.ceil(min / (step * each)) >= 2) ?? 1;
  const width = step * factor;
  return range(Math.ceil(min / width), Math.floor(max / width)).map((n) => Number((n * width).toPrecision(12)));
}

/** Both included. */
function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
