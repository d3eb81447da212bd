import type { WatchedRun } from '@gantry/core';
import { useEffect } from 'react';
import { clock, percent, whole } from '../format.ts';
import { progressOf, secondsLeft, underWay, unitOf, type Unit } from '../rounds.ts';
import { hasEnded, STATES } from '../run-states.ts';
import type { Ask, Question } from '../steering.tsx';
import { ThemeButton } from './theme-button.tsx';

const RESUME: Question = {
  control: { action: 'resume' },
  title: 'Resume',
  text: 'The run goes on with the next step.',
};

/** @param unit what is finished before the run does anything else */
const pause = (unit: Unit): Question => ({
  control: { action: 'pause' },
  title: 'Pause',
  text: `The run pauses after the ${unit} under way. Its workers stay attached.`,
});
const checkpoint = (unit: Unit): Question => ({
  control: { action: 'checkpoint' },
  title: 'Checkpoint now',
  text: `All networks and their optimizers are written after the ${unit} under way.`,
});
const stop = (unit: Unit): Question => ({
  control: { action: 'stop' },
  title: `Stop after this ${unit}`,
  text: 'The run writes a checkpoint and ends. It can be resumed on the command line.',
});

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
  const { name, state, step, totalSteps, epochs, stepsPerEpoch } = run;
  const unit = unitOf(run);
  const progress = progressOf(run);
  const done = percent(totalSteps > 0 ? Math.floor((progress / totalSteps) * 100) / 100 : 0);
  const left = secondsLeft(run);
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
        {unit === 'round' && <RoundUnderWay run={run} isMoving={isMoving} />}
        <Figure name="done" value={done} />
        <Figure name="time left" value={left === null || !active ? '–' : clock(left)} />
        <Figure name="images/s now" value={isMoving ? speed(run.imagesPerSecond) : '–'} />
        <Figure name="images/s average" value={speed(run.averageImagesPerSecond)} />
      </dl>
      <div className="actions">
        {state === 'paused' ? (
          <button type="button" className="primary" onClick={() => ask(RESUME)}>
            Resume
          </button>
        ) : (
          <button type="button" disabled={!active} onClick={() => ask(pause(unit))}>
            Pause
          </button>
        )}
        <button type="button" disabled={!active} onClick={() => ask(checkpoint(unit))}>
          Checkpoint now
        </button>
        <button type="button" disabled={!active} onClick={() => ask(stop(unit))}>
          Stop after this {unit}
        </button>
        <ThemeButton />
      </div>
      <progress value={progress} max={Math.max(1, totalSteps)} aria-label="Steps done" />
    </header>
  );
}

/** Steps of the round under way that are done, so that something moves while a round takes minutes. */
function RoundUnderWay({ run, isMoving }: { run: WatchedRun; isMoving: boolean }) {
  const { done, of } = underWay(run);
  const value = isMoving && done > 0 ? whole(Math.floor(done)) : '–';
  return <Figure name="under way" value={value} of={`${whole(of)} steps`} />;
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
