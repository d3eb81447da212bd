import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RunControl, type Steered } from './run-control.ts';
import { Scheduler } from '../scheduling/scheduler.ts';

const never = new AbortController().signal;

function steered(save: () => Promise<void> = () => Promise.resolve()) {
  const log: string[] = [];
  const run: Steered = {
    checkpoint: async () => {
      await save();
      log.push('saved');
    },
    event: (type, cause) => void log.push(`${type}: ${cause}`),
  };
  return { control: controlOf(1), run, log };
}

function controlOf(localSteps: number): RunControl {
  return new RunControl(new Scheduler(() => undefined), { localSteps });
}

test('without a wish, steps follow each other at once', async () => {
  const { control, run, log } = steered();
  expect(await control.obey(run, never)).toBe(0);
  expect(log).toEqual([]);
});

test('who asks hears what is finished first: a step, or a round of local ones', async () => {
  const answer = async (localSteps: number, action: 'pause' | 'stop') =>
    (await controlOf(localSteps).act({ action }, 'ada')).message;
  expect(await answer(1, 'pause')).toMatch(/^The run pauses after the step under way/);
  expect(await answer(8, 'pause')).toMatch(/^The run pauses after the round under way/);
  expect(await answer(8, 'stop')).toMatch(/^The run stops after the round under way/);
});

test('a pause lasts until somebody resumes, and says who did', async () => {
  const { control, run, log } = steered();
  expect(await control.act({ action: 'resume' }, 'ada')).toEqual({ ok: false, message: 'The run is not paused.' });
  await control.act({ action: 'pause' }, 'ada');
  expect(control.paused).toBe(false);
  const obeyed = control.obey(run, never);
  await setImmediate();
  expect(control.paused).toBe(true);
  await control.act({ action: 'resume' }, 'bob');
  expect(await obeyed).toBeGreaterThan(0);
  expect([control.paused, log]).toEqual([false, ['paused: asked for by ada', 'continued: asked for by bob']]);
});

test('checkpoints are saved while it is paused, too; who asks meanwhile shares one', async () => {
  const { control, run, log } = steered();
  await control.act({ action: 'pause' }, 'ada');
  const obeyed = control.obey(run, never);
  const asked = ['ada', 'bob', 'cleo'].map((by) => control.act({ action: 'checkpoint' }, by));
  expect((await Promise.all(asked)).map(({ ok }) => ok)).toEqual([true, true, true]);
  expect(control.paused).toBe(true);
  await control.act({ action: 'resume' }, 'ada');
  await obeyed;
  expect(log.filter((entry) => entry === 'saved')).toHaveLength(1);
});

test('a checkpoint that cannot be saved ends the run, and who asked hears so', async () => {
  const { control, run } = steered(() => Promise.reject(new Error('the disk is full')));
  const asked = control.act({ action: 'checkpoint' }, 'ada');
  await expect(control.obey(run, never)).rejects.toThrow('the disk is full');
  control.end(false);
  expect(await asked).toEqual({ ok: false, message: 'The run failed before.' });
});

test('a run that is paused can be stopped', async () => {
  const { control, run, log } = steered();
  await control.act({ action: 'pause' }, 'ada');
  const obeyed = control.obey(run, control.stopSignal);
  await control.act({ action: 'stop' }, 'bob');
  await obeyed;
  expect([control.paused, control.stopping, log]).toEqual([false, true, ['paused: asked for by ada']]);
  expect(await control.act({ action: 'resume' }, 'ada')).toEqual({ ok: false, message: 'The run is stopping.' });
  control.end(true);
  expect(control.stopping).toBe(false);
  expect(await control.act({ action: 'pause' }, 'ada')).toEqual({ ok: false, message: 'The run has ended.' });
});
