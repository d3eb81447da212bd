import type { RunState, WatchedRun } from '@gantry/core';
import { clock, percent, whole } from '../format.ts';
import type { Ask, Question } from '../steering.tsx';
import { ThemeButton } from './theme-button.tsx';

const STATES: Readonly<Record<RunState, string>> = {
  waiting: 'waiting for workers',
  training: 'training',
  paused: 'paused',
  stopping: 'stopping',
  stopped: 'stopped',
  finished: 'finished',
  failed: 'failed',
};

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

/** Name, state, progress and speed of the run, and what can be done to it. */
export function Header({ run, ask }: { run: WatchedRun; ask: Ask }) {
  const { state, step, totalSteps, epochs, stepsPerEpoch } = run;
  const done = totalSteps > 0 ? step / totalSteps : 0;
  const epoch = Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1);
  const active = state === 'training' || state === 'paused' || state === 'waiting';
  return (
    <header className="top">
      <div className="title">
        <h1>{run.name}</h1>
        <span className={`state ${state}`}>{STATES[state]}</span>
        <ThemeButton />
      </div>
      <dl className="figures">
        <Figure name="epoch" value={`${epoch} / ${epochs}`} />
        <Figure name="step" value={`${whole(step)} / ${whole(totalSteps)}`} />
        <Figure name="images/s now" value={whole(run.imagesPerSecond)} />
        <Figure name="images/s average" value={whole(run.averageImagesPerSecond)} />
        <Figure name="time left" value={run.etaSeconds === null || !active ? '–' : clock(run.etaSeconds)} />
      </dl>
      <div className="actions">
        {state === 'paused' ? (
          <button type="button" onClick={() => ask(RESUME)}>
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
      </div>
      <progress value={done} max={1} aria-label={`${percent(done)} of the run is done`} />
    </header>
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
