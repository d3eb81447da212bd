import type { WatchedWorker } from '@gantry/core';
import { knownEvent, type RecordedEvent } from '@gantry/core/watching';
import { compareNames } from './format.ts';

/** Workers that round alike. */
export interface NumericClass {
  readonly id: string;
  /** Such as `onnx on cpu`; none where its workers are long gone. */
  readonly engines: readonly string[];
  readonly workers: readonly string[];
}

export function isPresent({ state }: WatchedWorker): boolean {
  return state !== 'left' && state !== 'quarantined';
}

/**
 * The numeric classes of those who are there, or whose work may be in the weights.
 * @param known those of the run so far
 * @param events of the run, as far as they are kept
 */
export function classesOf(
  known: readonly string[],
  workers: readonly WatchedWorker[],
  events: readonly RecordedEvent[],
): NumericClass[] {
  const present = workers.filter(isPresent).map(({ numericClass }) => numericClass);
  const earlier = events
    .map(knownEvent)
    .filter((event) => event?.type === 'joined')
    .map(({ worker, class: numericClass }) => ({ name: worker, numericClass }));
  return [...new Set([...known, ...present])].map((id) => {
    const alike = workers.filter(({ numericClass }) => numericClass === id);
    const gone = earlier.filter(({ numericClass }) => numericClass === id);
    return {
      id,
      engines: [...new Set(alike.map(({ engine, device }) => `${engine} on ${device}`))],
      workers: [...new Set([...alike, ...gone].map(({ name }) => name))].toSorted(compareNames),
    };
  });
}
