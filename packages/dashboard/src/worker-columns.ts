import type { WatchedWorker } from '@gantry/core';
import { isPresent } from './classes.ts';
import { compareNames } from './format.ts';

/** A column of the table of workers. */
export interface Column {
  readonly label: string;
  /** What the label does not say. */
  readonly title?: string;
  readonly isNumber?: boolean;
  /** By what it is sorted. */
  readonly key: (worker: WatchedWorker) => number | string;
}

export const COLUMNS: readonly Column[] = [
  { label: 'name', key: ({ name }) => name },
  { label: 'state', key: ({ state }) => state },
  { label: 'engine', key: ({ engine }) => engine },
  { label: 'device', title: '× shards at the same time', key: ({ device, slots }) => `${device} ${slots}` },
  { label: 'images/s', isNumber: true, title: 'over the last steps', key: (worker) => worker.imagesPerSecond },
  { label: 'share', isNumber: true, title: 'of the images of the last steps', key: ({ share }) => share },
  { label: 'shards', isNumber: true, title: 'done and accepted', key: ({ shards }) => shards },
  { label: 'computing', isNumber: true, title: 'per step, over the last steps', key: ({ computeMs }) => computeMs },
  { label: 'waiting', isNumber: true, title: 'per step, over the last steps', key: ({ waitMs }) => waitMs },
  { label: 'bytes from it', isNumber: true, title: 'through its connection', key: ({ bytesIn }) => bytesIn },
  { label: 'bytes to it', isNumber: true, title: 'through its connection', key: ({ bytesOut }) => bytesOut },
  { label: 'round trip', isNumber: true, title: 'of the last heartbeat', key: ({ roundTripMs }) => roundTripMs ?? -1 },
  { label: 'last seen', isNumber: true, key: ({ lastSeenMs }) => lastSeenMs },
  { label: 'class', title: 'numeric class: equal ones round alike', key: ({ numericClass }) => numericClass },
];

export interface Order {
  /** Index of a column. */
  readonly column: number;
  readonly descending: boolean;
}

/** In an order, or else by name, with those that are gone at the end. */
export function sorted(workers: readonly WatchedWorker[], order: Order | undefined): readonly WatchedWorker[] {
  const column = order && COLUMNS[order.column];
  if (!column) {
    const gone = (worker: WatchedWorker) => Number(!isPresent(worker));
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
