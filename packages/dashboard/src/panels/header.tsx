import type { WatchedRun } from '@gantry/core';
import { useEffect } from 'react';
import { clock, percent, whole } from '../format.ts';
import { hasEnded, STATES } from '../run-states.ts';
import type { Ask, Question } from '../steering.tsx';
import { ThemeButton } from './theme-button.tsx';

const PAUSE: Question = {
  control: { action: 'pause' },
  title: 'Pause',
  text: 'The run pauses after the step under way. Its workers stay attached.',
};
const RESUME: Question = {
  control: { action: 'resume' },
  title: 'Resume',
  text: 'The run goes on with the next step.',
};
const CHECKPOINT: Question = {
  control: { action: 'checkpoint' },
  title: 'Checkpoint now',
  text: 'Both models and both optimizers are written after the step under way.',
};
const STOP: Question = {
  control: { action: 'stop' },
  title: 'Stop after this step',
  text: 'The run writes a checkpoint and ends. It can be resumed on the command line.',
};

/**
 * Name, state, progress and speed of the run, and what can be done to it.
 * @param isStalled nothing is computed at the moment, though it should
 */
export function Header({
  run,
  ask,
  isConnected,
  isStalled,
}: {
  run: WatchedRun;
  ask: Ask;
  isConnected: boolean;
  isStalled: boolean;
}) {
  const { name, state, step, totalSteps, epochs, stepsPerEpoch, etaSeconds } = run;
  const done = percent(totalSteps > 0 ? Math.floor((step / totalSteps) * 100) / 100 : 0);
  const epoch = Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1);
  const isKnown = isConnected || hasEnded(state);
  const active = isConnected && (state === 'training' || state === 'paused' || state === 'waiting');
  const isMoving = isConnected && !isStalled && (state === 'training' || state === 'stopping');
  useEffect(() => {
    const word = isKnown ? STATES[state] : 'unreachable';
    document.title = `${word === 'training' ? done : word} · ${name} · Gantry`;
  }, [state, isKnown, done, name]);
  return (
    <header className="top">
      <div className="title">
        <h1>{name}</h1>
        <span className={`state ${isKnown ? state : 'failed'}`}>{isKnown ? STATES[state] : 'unreachable'}</span>
      </div>
      <dl className="figures">
        <Figure name="epoch" value={whole(epoch)} of={whole(epochs)} />
        <Figure name="step" value={whole(step)} of={whole(totalSteps)} />
        <Figure name="done" value={done} />
        <Figure name="time left" value={etaSeconds === null || !active ? '–' : clock(etaSeconds)} />
        <Figure name="images/s now" value={isMoving ? speed(run.imagesPerSecond) : '–'} />
        <Figure name="images/s average" value={speed(run.averageImagesPerSecond)} />
      </dl>
      <div className="actions">
        {state === 'paused' ? (
          <button type="button" className="primary" onClick={() => ask(RESUME)}>
            Resume
          </button>
        ) : (
          <button type="button" disabled={!active} onClick={() => ask(PAUSE)}>
            Pause
          </button>
        )}
        <button type="button" disabled={!active} onClick={() => ask(CHECKPOINT)}>
          Checkpoint now
        </button>
        <button type="button" disabled={!active} onClick={() => ask(STOP)}>
          Stop after this step
        </button>
        <ThemeButton />
      </div>
      <progress value={step} max={Math.max(1, totalSteps)} aria-label="Steps done" />
    </header>
  );
}

/** @param imagesPerSecond 0 before the first step */
function speed(imagesPerSecond: number): string {
  return imagesPerSecond > 0 ? whole(imagesPerSecond) : '–';
}

function Figure({ name, value, of }: { name: string; value: string; of?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {of !== undefined && <span className="of"> / {of}</span>}
      </dd>
    </div>
  );
}
