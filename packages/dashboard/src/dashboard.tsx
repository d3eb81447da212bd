import { useDeferredValue } from 'react';
import type { Api } from './api.ts';
import { Attach } from './panels/attach.tsx';
import { Curves } from './panels/curves.tsx';
import { Events } from './panels/events.tsx';
import { Header } from './panels/header.tsx';
import { Health } from './panels/health.tsx';
import { Quality } from './panels/quality.tsx';
import { Reproducibility } from './panels/reproducibility.tsx';
import { Samples } from './panels/samples.tsx';
import { Timeline } from './panels/timeline.tsx';
import { Workers } from './panels/workers.tsx';
import { unitOf } from './rounds.ts';
import { hasEnded } from './run-states.ts';
import { useSteering } from './steering.tsx';
import type { Link, ShownRun } from './store.ts';

/** Everything that is known of a run. */
export function Dashboard({ view, link, api }: { view: ShownRun; link: Link; api: Api }) {
  const { run, workers, stalls, concerns, events, samples } = view;
  // What takes longest to draw gets frames of its own.
  const metrics = useDeferredValue(view.metrics);
  const evaluations = useDeferredValue(view.evaluations);
  const timeline = useDeferredValue(view.timeline);
  const unit = unitOf(run);
  const isConnected = link.state === 'open';
  const { ask, dialog } = useSteering(api);
  return (
    <>
      <Header
        run={run}
        ask={ask}
        isConnected={isConnected}
        isStalled={stalls.some(({ worker }) => worker !== undefined)}
      />
      <main className="panels">
        <Health run={run} link={link} stalls={stalls} concerns={concerns} events={events} />
        <Samples name={run.name} epochs={samples} api={api} isConnected={isConnected} />
        <Quality evaluations={evaluations} />
        <Curves metrics={metrics} reports={run.reports} evaluations={evaluations} unit={unit} api={api} />
        <Workers workers={workers} unit={unit} ask={ask} />
        <Timeline
          steps={timeline}
          unit={unit}
          localSteps={run.localSteps}
          localStepsFrom={run.localStepsFrom}
          stepsPerEpoch={run.stepsPerEpoch}
        />
        <Events events={events} />
        <Attach join={run.join} api={api} hasEnded={hasEnded(run.state)} />
        <Reproducibility run={run} workers={workers} events={events} />
      </main>
      {dialog}
    </>
  );
}
