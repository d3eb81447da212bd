import { useEffect, useRef, useState } from 'react';
import { whole } from '../format.ts';
import type { TabDevice, TabReport, TabRequest } from './messages.ts';
import { STARTING, reported, type TabState } from './tab-state.ts';

const NAME_KEY = 'gantry.tab-name';

const PHASES: Readonly<Record<TabState['phase'], readonly [word: string, className: string]>> = {
  starting: ['starting', 'waiting'],
  working: ['working', 'good'],
  waiting: ['waiting for the coordinator', 'waiting'],
  over: ['done', 'finished'],
  failed: ['failed', 'failed'],
};

/** The tab as a worker: it works as long as it is open, or until it is told to leave. */
export function Tab({
  token,
  device: wanted,
  onRefused,
}: {
  token: string;
  device: TabDevice | undefined;
  onRefused: () => void;
}) {
  const [name] = useState(nameOfTab);
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState(STARTING);
  const worker = useRef<Worker>(undefined);
  const { phase, device, run, reason, refused, shards, images, imagesPerSecond, step } = state;

  useEffect(() => {
    const made = new Worker(new URL('tab-worker.ts', import.meta.url), { type: 'module' });
    worker.current = made;
    setState(STARTING);
    made.addEventListener('message', ({ data }: MessageEvent<TabReport>) => setState((now) => reported(now, data)));
    made.addEventListener('error', ({ message }) => {
      setState((now) => reported(now, { type: 'ended', error: { code: undefined, message } }));
    });
    const url = new URL('/work', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    made.postMessage({ type: 'start', url: url.href, token, name, device: wanted } satisfies TabRequest);
    return () => made.terminate();
  }, [token, wanted, name, attempt]);

  useEffect(() => {
    if (refused) onRefused();
  }, [refused, onRefused]);

  const isAtWork = phase !== 'over' && phase !== 'failed';
  const [word, className] = PHASES[phase];
  return (
    <main className="lone tab">
      <div className="row">
        <h1>{name}</h1>
        <span className={`state ${className}`} role="status">
          {word}
        </span>
      </div>
      <p>
        {isAtWork ? 'This tab computes' : 'This tab computed'} gradients for{' '}
        {run === undefined ? 'a run' : <b>{run}</b>}
        {device !== undefined && ` on ${device === 'webgpu' ? 'the GPU, by WebGPU' : 'one core, by WebAssembly'}`}.
      </p>
      <dl className="figures">
        <Figure name="images/s" value={imagesPerSecond === undefined ? '–' : whole(imagesPerSecond)} />
        <Figure name="images computed" value={whole(images)} />
        <Figure name="shards" value={whole(shards)} />
        <Figure name="step" value={step === undefined ? '–' : whole(step)} />
      </dl>
      {reason !== undefined && <p className={phase === 'failed' ? 'notice bad' : 'notice'}>{reason}</p>}
      <div className="actions">
        {isAtWork ? (
          <button type="button" onClick={() => worker.current?.postMessage({ type: 'leave' } satisfies TabRequest)}>
            Leave
          </button>
        ) : (
          <button type="button" className="primary" onClick={() => setAttempt(attempt + 1)}>
            Join again
          </button>
        )}
      </div>
      <p className="hint">
        Closing the tab is fine: what it was computing goes to others. Browsers slow down tabs that are hidden for long.
      </p>
    </main>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Stays the same when the page is reloaded. */
function nameOfTab(): string {
  const known = sessionStorage.getItem(NAME_KEY);
  if (known !== null) return known;
  const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
  const name = `tab-${random.toString(16).padStart(4, '0')}`;
  sessionStorage.setItem(NAME_KEY, name);
  return name;
}
