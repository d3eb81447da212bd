import type { WatchedMetrics } from '@gantry/core';
import { useEffect, useMemo, useState } from 'react';
import type { Api } from './api.ts';
import type { Range } from './chart-options.ts';
import { refined } from './history.ts';

const DETAIL_POINTS = 2000;

/** The last steps, as the run goes on. */
interface LastSteps {
  readonly last: number;
  /** The last step when it was asked for. */
  readonly since: number;
  readonly to?: never;
}

/** A part of the history that somebody wants to see. */
export type Part = Range | LastSteps;

/** What to draw of a history: the lines, and the ends of the axis. A part comes in more detail once that is fetched. */
export function useLines(
  api: Api,
  metrics: readonly WatchedMetrics[],
  part: Part | undefined,
): { lines: readonly WatchedMetrics[]; range: Range } {
  const lastStep = metrics.at(-1)?.step ?? 0;
  const from = !part ? 1 : part.to === undefined ? Math.max(1, lastStep - part.last + 1) : part.from;
  const to = Math.max(part?.to ?? lastStep, from + 1);
  const detail = useDetail(api, part);
  // All lines, whatever is shown: moving averages look back beyond it.
  const lines = useMemo(() => (detail ? refined(metrics, detail) : metrics), [metrics, detail]);
  const range = useMemo(() => ({ from, to }), [from, to]);
  return { lines, range };
}

/** The lines of a part in more detail than the page keeps; undefined until they are there. */
function useDetail(api: Api, part: Part | undefined): readonly WatchedMetrics[] | undefined {
  const [detail, setDetail] = useState<readonly WatchedMetrics[]>();
  useEffect(() => {
    if (!part) return undefined;
    const outdated = new AbortController();
    const [from, to] = part.to === undefined ? [part.since - part.last, part.since] : [part.from, part.to];
    const whole = [Math.max(1, Math.floor(from)), Math.max(1, Math.ceil(to))] as const;
    // Without an answer, there is less detail.
    api.history(...whole, DETAIL_POINTS, outdated.signal).then(setDetail, () => undefined);
    return () => {
      outdated.abort();
      setDetail(undefined);
    };
  }, [api, part]);
  return detail;
}
