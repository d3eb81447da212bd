import type { Api } from './api.ts';
import { Attach } from './panels/attach.tsx';
import { Curves } from './panels/curves.tsx';
import { Events } from './panels/events.tsx';
import { Header } from './panels/header.tsx';
import { Health } from './panels/health.tsx';
import { Reproducibility } from './panels/reproducibility.tsx';
import { Samples } from './panels/samples.tsx';
import { Timeline } from './panels/timeline.tsx';
import { Workers } from './panels/workers.tsx';
import type { Link, RunView } from './store.ts';
import { useSteering } from './steering.tsx';

/** Everything that is known of a run. */
export function Dashboard({ view, link, api }: { view: RunView; link: Link; api: Api }) {
  const { run, workers, stalls, metrics, events, timeline, samples } = view;
  const { ask, dialog } = useSteering(api);
  return (
    <>
      <Header run={run} ask={ask} />
      <main className="panels">
        <Health run={run} link={link} stalls={stalls} />
        <Samples run={run} epochs={samples} api={api} />
        <Curves metrics={metrics} api={api} />
        <Workers workers={workers} ask={ask} />
        <Timeline steps={timeline} />
        <Events events={events} />
        <Attach command={run.joinCommand} />
        <Reproducibility workers={workers} run={run} />
      </main>
      {dialog}
    </>
  );
}
