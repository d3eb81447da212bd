import { isPresent } from './classes.ts';
import { compareNames } from './format.ts';
import type { ShownWorker } from './link-use.ts';
import type { Unit } from './rounds.ts';

/** A column of the table of workers. */
export interface Column {
  readonly label: string;
  /** What the label does not say. */
  readonly title?: string | ((unit: Unit) => string);
  readonly isNumber?: boolean;
  /** By what it is sorted. */
  readonly key: (worker: ShownWorker) => number | string;
}

const lately = (unit: Unit) => `over the last ${unit}s`;
const each = (unit: Unit) => `per ${unit}, ${lately(unit)}`;
const ofImages = (unit: Unit) => `of the images of the last ${unit}s`;
/** Each way has a column; how much it was in all, and how fast the link is, its fields tell. */
const LINK_USE = 'it, through its connection, over the last seconds';

export const COLUMNS: readonly Column[] = [
  { label: 'name', key: ({ name }) => name },
  { label: 'state', key: ({ state }) => state },
  { label: 'engine', key: ({ engine }) => engine },
  { label: 'device', title: '× shards at the same time', key: ({ device, slots }) => `${device} ${slots}` },
  { label: 'images/s', isNumber: true, title: lately, key: (worker) => worker.imagesPerSecond },
  { label: 'share', isNumber: true, title: ofImages, key: ({ share }) => share },
  { label: 'shards', isNumber: true, title: 'done and accepted', key: ({ shards }) => shards },
  { label: 'computing', isNumber: true, title: each, key: ({ computeMs }) => computeMs },
  { label: 'waiting', isNumber: true, title: each, key: ({ waitMs }) => waitMs },
  { label: 'Mbit/s from', isNumber: true, title: LINK_USE, key: ({ inUse }) => inUse ?? -1 },
  { label: 'Mbit/s to', isNumber: true, title: LINK_USE, key: ({ outUse }) => outUse ?? -1 },
  { label: 'round trip', isNumber: true, title: 'of the last heartbeat', key: ({ roundTripMs }) => roundTripMs ?? -1 },
  { label: 'last seen', isNumber: true, key: ({ lastSeenMs }) => lastSeenMs },
  { label: 'class', title: 'numeric class: equal ones round alike', key: ({ numericClass }) => numericClass },
];

/** The title of a column, if it has one. @param unit what the run goes on by */
export function titleOf({ title }: Column, unit: Unit): string | undefined {
  return typeof title === 'function' ? title(unit) : title;
}

export interface Order {
  /** Index of a column. */
  readonly column: number;
  readonly descending: boolean;
}

/** In an order, or else by name, with those that are gone at the end. */
export function sorted(workers: readonly ShownWorker[], order: Order | undefined): readonly ShownWorker[] {
  const column = order && COLUMNS[order.column];
  if (!column) {
    const gone = (worker: ShownWorker) => Number(!isPresent(worker));
    return workers.toSorted((a, b) => gone(a) - gone(b) || compared(a.name, b.name));
  }
  const sign = order.descending ? -1 : 1;
  return workers.toSorted((a, b) => sign * compared(column.key(a), column.key(b)));
}

function compared(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : compareNames(String(a), String(b));
}

/** What a click on the head of a column makes of the order: large numbers first, then the other way, then none. */
export function nextOrder(order: Order | undefined, column: number): Order | undefined {
  const first = COLUMNS[column]?.isNumber ?? false;
  if (order?.column !== column) return { column, descending: first };
  return order.descending === first ? { column, descending: !first } : undefined;
}
