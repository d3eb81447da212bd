import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from './chaos/free-port.ts';
import {
  Gantry,
  digestOf,
  lineCount,
  readToken,
  readJsonLines,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

const ROOT = resolve(import.meta.dirname, '..');
const COORDINATOR = join(ROOT, 'deploy/systemd/gantry-coordinator.service');
const WORKER = join(ROOT, 'deploy/systemd/gantry-worker@.service');
const SIZES = ['--epochs', '4', '--seed', '7', '--batch', '16', '--shard-size', '4'];

// Units are read and judged only. To run them would take an init system, which sets up the whole machine.
const hasSystemd = isProvided('systemd', () => spawnSync('systemd-analyze', ['--version']).status === 0);

describe.skipIf(!hasSystemd)(`units${hasSystemd ? '' : ' (skipped: systemd-analyze is absent)'}`, () => {
  it.each([COORDINATOR, WORKER].map((unit) => [basename(unit), unit]))(
    '%s is sound, its exposure 2 at most',
    (_, unit) => {
      const analyze = (...args: string[]) => {
        const { status, stderr } = spawnSync('systemd-analyze', [...args, unit], { encoding: 'utf8' });
        return { status, stderr };
      };
      expect(analyze('verify')).toEqual({ status: 0, stderr: '' });
      expect(analyze('security', '--offline=true', '--threshold=20')).toMatchObject({ status: 0 });
    },
  );
});

/** A service's process, by the command of its unit and with the environment that systemd gives it. */
function start(unit: string, env: Readonly<Record<string, string>>): Gantry {
  const [, script = ''] = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(readFileSync(unit, 'utf8')) ?? [];
  // systemd.service(5): a dollar is written as two. %l and %i are host and instance.
  const command = script.replaceAll('$$', '$').replaceAll('%l', 'host').replaceAll('%i', 'first');
  return new Gantry([], env, ['/bin/sh', '-c', command]);
}

it('the commands of the units train, stop by SIGTERM with a checkpoint, and go on when started again', async () => {
  const [state, credentials] = [temporaryDirectory(), temporaryDirectory()];
  const [run, port] = [join(state, 'run'), await freePort()];
  const settings = {
    GANTRY: `${process.execPath} ${join(ROOT, 'packages/gantry/bin/gantry.js')}`,
    GANTRY_COORDINATOR: `--listen 127.0.0.1:${port} ${[...TINY, ...SIZES].join(' ')}`,
    GANTRY_URL: `ws://127.0.0.1:${port}`,
    GANTRY_WORKER: '--threads 1',
    STATE_DIRECTORY: state,
    CREDENTIALS_DIRECTORY: credentials,
  };
  const first = start(COORDINATOR, settings);
  await first.output(/^attach workers with/m);
  writeFileSync(join(credentials, 'token'), readToken(run));
  const worker = start(WORKER, settings);
  await whenFiles(() => lineCount(run, 'metrics.jsonl') >= 10);
  // The shell has made way for Gantry: this is what systemd's SIGTERM reaches.
  first.process.kill('SIGTERM');
  expect((await first.finished).code).toBe(143);

  const second = start(COORDINATOR, settings);
  expect(await second.finished).toMatchObject({ code: 0 });
  expect(await worker.finished).toMatchObject({ code: 0 });
  const events = readJsonLines<{ type: string; step: number; worker?: string }>(run, 'events.jsonl');
  const [stopped, resumed] = events.filter(({ type }) => type === 'stopped' || type === 'resumed');
  expect(resumed).toMatchObject({ type: 'resumed', step: stopped?.step });
  expect(events.filter(({ type }) => type === 'joined').map((event) => event.worker)).toEqual([
    'host-first',
    'host-first',
  ]);
  expect(digestOf(run)).toBe(await trainedDigest(...TINY, ...SIZES, '--workers', '0'));
});
