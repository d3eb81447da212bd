import { describeEvent, kindOf, EVENT_KINDS, type EventKind, type RecordedEvent } from '@gantry/core/watching';
import { memo, useMemo, useState } from 'react';
import { localTime, whole } from '../format.ts';
import { Panel } from './panel.tsx';

/** What happened, newest first. */
export const Events = memo(function Events({ events }: { events: readonly RecordedEvent[] }) {
  const [kind, setKind] = useState<EventKind | 'all'>('all');
  const [text, setText] = useState('');
  const told = useMemo(() => tell(events).toReversed(), [events]);
  const wanted = text.trim().toLowerCase();
  const shown = told.filter((each) => (kind === 'all' || each.kind === kind) && each.searched.includes(wanted));
  return (
    <Panel
      title="Events"
      area="events"
      aside={
        <div className="row">
          <select
            aria-label="Kind of event"
            value={kind}
            onChange={(event) => setKind(event.target.value as EventKind | 'all')}
          >
            <option value="all">all kinds</option>
            {EVENT_KINDS.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
          <input
            type="search"
            aria-label="Filter events"
            placeholder="Filter"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      }
    >
      <ol className="event-list" tabIndex={0} aria-label="Events, newest first">
        {shown.map(({ key, kind: of, time, at, step, words }) => (
          <li key={key} className={`kind-${of}`}>
            <time dateTime={time}>{at}</time>
            <span className="step">step {whole(step)}</span>
            <span>{words}</span>
          </li>
        ))}
        {shown.length === 0 && <li className="none">{told.length === 0 ? 'Nothing yet.' : 'Nothing of that kind.'}</li>}
      </ol>
    </Panel>
  );
});

interface Told {
  readonly key: string;
  readonly kind: EventKind;
  readonly time: string;
  readonly at: string;
  readonly step: number;
  readonly words: string;
  readonly searched: string;
}

function tell(events: readonly RecordedEvent[]): Told[] {
  /** The same may happen twice in a millisecond. */
  const counts = new Map<string, number>();
  return events.map((event) => {
    const words = describeEvent(event);
    const { time, step } = event;
    const name = `${time} ${step} ${words}`;
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const at = localTime(time);
    return { key: `${name} ${count}`, kind: kindOf(event), time, at, step, words, searched: words.toLowerCase() };
  });
}
