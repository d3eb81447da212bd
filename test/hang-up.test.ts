import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, lineCount, temporaryDirectory, whenFiles } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { ShellJob } from './support/shell-job.ts';
import { TINY } from './support/tiny.ts';

/** More epochs than there will be. */
const ENDLESS = [...TINY, '--limit', '32', '--batch', '16', '--shard-size', '8', '--epochs', '5000'];
const TRAIN = ['train', '--workers', '1', ...ENDLESS];
const COORDINATE = ['coordinator', '--listen', '127.0.0.1:0', ...ENDLESS];
const newRun = () => join(temporaryDirectory(), 'run');
const stepsOf = (run: string) => lineCount(run, 'metrics.jsonl');
const moreSteps = (run: string, than = stepsOf(run)) => whenFiles(() => stepsOf(run) > than);

/** That the run stopped between two steps, and can go on. */
function expectStopped(run: string): void {
  const files = readdirSync(run, { recursive: true });
  expect(files).toContain(join('checkpoints', `step-${String(stepsOf(run)).padStart(8, '0')}`, 'state.json'));
  expect(files.filter((file) => String(file).startsWith('.lock'))).toEqual([]);
}

describe('without a terminal, as under nohup, hanging up changes nothing', () => {
  it('for a run', async () => {
    const run = newRun();
    const training = new Gantry([...TRAIN, '--run', run]);
    await moreSteps(run);
    training.process.kill('SIGHUP');
    await moreSteps(run, stepsOf(run) + 2);
    training.process.kill('SIGTERM');
    expect((await training.finished).code).toBe(143);
    expectStopped(run);
  });

  it('for a worker', async () => {
    const run = newRun();
    const coordinator = new Gantry([...COORDINATE, '--run', run]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const worker = new Gantry(['worker', url, '--threads', '1']);
    await moreSteps(run);
    worker.process.kill('SIGHUP');
    await moreSteps(run, stepsOf(run) + 2);
    coordinator.process.kill('SIGTERM');
    expect((await coordinator.finished).code).toBe(143);
    expect(worker.stderr).not.toContain('leaving');
    worker.process.kill('SIGTERM');
    expect((await worker.finished).code).toBe(0);
  });
});

const pseudoTerminal = isProvided('script', () => spawnSync('script', ['--version']).status === 0);
describe.skipIf(!pseudoTerminal)(`on a terminal${pseudoTerminal ? '' : ' (skipped: script is absent)'}`, () => {
  const onTerminal = (...options: string[]) => {
    const command = ['echo "process $$"; exec "$NODE" "$GANTRY"', ...options].join(' ');
    const env = { NODE: process.execPath, GANTRY: 'packages/gantry/bin/gantry.js' };
    return new Gantry([`exec script --quiet --return --flush --command '${command}' /dev/null >&2`], env, ['sh', '-c']);
  };
  const signal = async (to: Gantry, name: NodeJS.Signals) => {
    const [, pid = ''] = await to.output(/process (\d+)/);
    process.kill(Number(pid), name);
  };

  it('hanging up stops a run with a checkpoint, however often it is said', async () => {
    const run = newRun();
    const training = onTerminal(...TRAIN, '--run', run);
    await moreSteps(run);
    for (let i = 0; i < 3; i++) await signal(training, 'SIGHUP');
    expect((await training.finished).code).toBe(129);
    expectStopped(run);
  });

  it('so does a terminal that is gone, to which nothing can be written', async () => {
    // `script` is the terminal. Its end is told to the first shell, and with that one's end to all others; the second notes the code.
    const inner = `(trap : HUP; gantry ${TRAIN.join(' ')} --run run; echo $? >status.new; mv status.new status); exit`;
    const gantryCommand = `gantry() { "${process.execPath}" "${join(process.cwd(), 'packages/gantry/bin/gantry.js')}" "$@"; }`;
    const job = new ShellJob('exec script --quiet --flush --command "$INNER" /dev/null', {
      INNER: `${gantryCommand}; ${inner}`,
      SHELL: '/bin/sh',
    });
    const run = join(job.directory, 'run');
    await moreSteps(run);
    job.signal('SIGKILL');
    expect(await job.noted()).toBe(129);
    expectStopped(run);
  });

  it('hanging up lets a worker leave', async () => {
    const coordinator = new Gantry([...COORDINATE, '--run', newRun()]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const worker = onTerminal('worker', url, '--threads', '1');
    await coordinator.output(/ joined: /);
    await signal(worker, 'SIGHUP');
    expect((await worker.finished).code).toBe(0);
    await coordinator.output(/ left: it said goodbye/);
    coordinator.process.kill('SIGKILL');
  });

  it('Ctrl-C after a stop on the dashboard has the exit code of the signal: the run is not over', async () => {
    const run = newRun();
    const training = onTerminal(...TRAIN, '--run', run);
    const dashboard = await Dashboard.of(training);
    await moreSteps(run);
    expect(await dashboard.control({ action: 'stop' })).toMatchObject({ ok: true });
    await training.output(/the dashboard stays; Ctrl-C ends it/);
    await signal(training, 'SIGINT');
    expect((await training.finished).code).toBe(130);
    expectStopped(run);
  });
});
