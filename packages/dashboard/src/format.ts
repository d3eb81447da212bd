/** Numbers and times as people read them. */

const wholes = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function whole(value: number): string {
  return wholes.format(value);
}

/** Three significant digits, without an exponent where that is short. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100) return wholes.format(value);
  if (size === 0 || size >= 0.001) return value.toPrecision(3);
  return value.toExponential(1);
}

/** As `short`, without zeros that say nothing: for the marks of an axis. */
export function mark(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return `${wholes.format(value / 1000)}k`;
  if (size >= 100) return wholes.format(value);
  return size === 0 || size >= 0.001 ? String(Number(value.toPrecision(3))) : value.toExponential(0);
}

/** 75 → `1:15`, 4000 → `1:06:40`. @param seconds rounded to whole ones */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Milliseconds, in seconds where they are many. */
export function duration(ms: number): string {
  if (ms >= 10_000) return `${whole(ms / 1000)} s`;
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${whole(ms)} ms`;
}

/** In whole seconds: smaller differences are those of heartbeats, and only flicker. */
export function ago(ms: number): string {
  return ms < 2000 ? 'now' : `${whole(Math.floor(ms / 1000))} s ago`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** In powers of 1000. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Bytes per second as links are called by, in Mbit/s; without the unit. @param bytesPerSecond null where it is not known */
export function megabits(bytesPerSecond: number | null): string {
  if (bytesPerSecond === null) return '–';
  const rate = (8 * bytesPerSecond) / 1e6;
  return rate >= 100 ? whole(rate) : rate.toFixed(1);
}

export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(0)}%`;
}

/** Local time of day of an ISO 8601 time, with the day in front unless that is today's; `–` for what is no time. */
export function localTime(iso: string, now = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '–';
  const time = date.toLocaleTimeString('en-GB');
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time}`;
}

/** Compares words, and the numbers in them as numbers: worker-9 comes before worker-10. */
export const compareNames: (a: string, b: string) => number = new Intl.Collator('en', { numeric: true }).compare;
