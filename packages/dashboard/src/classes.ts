import type { WatchedEvent, WatchedWorker } from '@gantry/core';

/** As many digits of a class as are shown of a worker. */
const DIGITS = 16;

/** Workers that round alike. */
export interface NumericClass {
  readonly id: string;
  /** Such as `onnx on cpu`; none where its workers are long gone. */
  readonly engines: readonly string[];
  readonly workers: readonly string[];
}

interface Member {
  readonly name: string;
  readonly numericClass: string;
  readonly engine?: string;
}

export function isPresent({ state }: WatchedWorker): boolean {
  return state !== 'left' && state !== 'quarantined';
}

/** The numeric classes of those who are there, or whose work may be in the weights. @param events of the run */
export function classesOf(workers: readonly WatchedWorker[], events: readonly WatchedEvent[]): NumericClass[] {
  const known = new Set(workers.map(({ name, numericClass }) => `${numericClass} ${name}`));
  const earlier = events.flatMap((event): Member[] => {
    if (event.type !== 'joined') return [];
    const [name, numericClass] = [String(event['worker']), String(event['class']).slice(0, DIGITS)];
    return known.has(`${numericClass} ${name}`) ? [] : [{ name, numericClass }];
  });
  const involved = workers
    .filter((worker) => isPresent(worker) || worker.shards > 0)
    .map(({ name, numericClass, engine, device }): Member => ({
      name,
      numericClass,
      engine: `${engine} on ${device}`,
    }));
  const members = [...involved, ...earlier];
  const ids = [...new Set(members.map(({ numericClass }) => numericClass))];
  return ids.map((id) => {
    const alike = members.filter(({ numericClass }) => numericClass === id);
    return {
      id,
      engines: [...new Set(alike.flatMap(({ engine }) => engine ?? []))],
      workers: [...new Set(alike.map(({ name }) => name))],
    };
  });
}
