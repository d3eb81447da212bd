import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sealedLine } from '../packages/coordinator/src/storage/sealed-line.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, digestOf, gantryOk, temporaryDirectory, trainedDigest, whenFiles } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { SmallDisk } from './support/small-disk.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const PAGE_BYTES = 4096;
/** The metrics of an epoch take several pages. */
const RUN = [...TINY, '--limit', '256', '--batch', '4', '--epochs', '2'];
const LISTEN = ['--listen', '127.0.0.1:0'];
const hasDisks = isProvided('mount', () => SmallDisk.isAvailable);

describe.skipIf(!hasDisks)(`a disk that fills up${hasDisks ? '' : ' (skipped: mounting is not permitted)'}`, () => {
  let disk: SmallDisk;
  let run: string;
  let state: string;
  beforeEach(() => {
    state = temporaryDirectory();
    disk = new SmallDisk('8m');
    run = join(disk.path, 'run');
  });
  afterEach(() => disk.remove());

  /** A coordinator of the run at its beginning, whose next event takes the first byte of a page. */
  async function waiting(): Promise<{ readonly coordinator: Gantry; readonly url: string }> {
    const first = new Gantry(['coordinator', ...RUN, ...LISTEN, '--run', run]);
    await first.output(/attach workers with/);
    first.process.kill('SIGKILL');
    await first.finished;
    fillPage(sealedLine({ time: new Date().toISOString(), step: 0, type: 'resumed', skipped: [] }).length);
    const coordinator = new Gantry(['coordinator', '--resume', ...TINY_DATA, ...LISTEN, '--run', run], {
      XDG_STATE_HOME: state,
    });
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    expect(readFileSync(eventsFile()).length).toBe(PAGE_BYTES);
    return { coordinator, url };
  }

  const eventsFile = () => join(run, 'events.jsonl');

  /** Makes the events end with their page, once `bytes` more were written. */
  function fillPage(bytes = 0): void {
    const note = (text: string) => sealedLine({ step: 0, type: 'note', text });
    const written = readFileSync(eventsFile()).length + note('').length + bytes;
    const end = Math.ceil(written / PAGE_BYTES) * PAGE_BYTES;
    writeFileSync(eventsFile(), note('x'.repeat(end - written)), { flag: 'a' });
  }

  /** A run that is paused, with one worker. */
  async function paused() {
    const coordinator = new Gantry(['coordinator', ...RUN, ...LISTEN, '--run', run], { XDG_STATE_HOME: state });
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const dashboard = await Dashboard.of(coordinator);
    await dashboard.control({ action: 'pause' });
    const worker = new Gantry(['worker', url, '--threads', '1'], { XDG_STATE_HOME: state });
    await whenFiles(() => ['"paused"', '"joined"'].every((type) => readFileSync(eventsFile(), 'utf8').includes(type)));
    return { coordinator, dashboard, worker };
  }

  /** The run ends as any other, with a reason, and goes on from there once there is room. */
  async function expectOrderlyEnd(coordinator: Gantry): Promise<void> {
    const { code, stderr } = await coordinator.finished;
    const complaints = stderr.split('\n').filter((line) => line.startsWith('gantry:'));
    expect(complaints).toEqual([
      expect.stringMatching(
        /^gantry: cannot write \S+: the disk is full; free some space, .*--resume \[E_RUN_DIRECTORY\]$/,
      ),
    ]);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
    expect(readdirSync(run).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(readdirSync(join(state, 'gantry'))).toEqual([]);
    disk.free();
    await gantryOk('train', '--resume', ...TINY_DATA, '--workers', '0', '--run', run);
    expect(digestOf(run)).toBe(await trainedDigest(...RUN, '--workers', '0'));
  }

  test('when a worker joins', async () => {
    const { coordinator, url } = await waiting();
    disk.fill();
    const worker = new Gantry(['worker', url, '--threads', '1'], { XDG_STATE_HOME: state });
    await expectOrderlyEnd(coordinator);
    worker.process.kill('SIGKILL');
    await worker.finished;
  });

  test('when a worker leaves', async () => {
    const { coordinator, worker } = await paused();
    fillPage();
    disk.fill();
    worker.process.kill('SIGKILL');
    await expectOrderlyEnd(coordinator);
  });

  test('when steps are recorded', async () => {
    const { coordinator, dashboard, worker } = await paused();
    disk.fill();
    await dashboard.control({ action: 'resume' });
    await expectOrderlyEnd(coordinator);
    worker.process.kill('SIGKILL');
    await worker.finished;
  });

  test('when a timer finds that nobody computes', async () => {
    const { coordinator } = await waiting();
    disk.fill();
    await expectOrderlyEnd(coordinator);
  });

  test('before the run has begun leaves none', async () => {
    disk.fill();
    const { code, stderr } = await new Gantry(['coordinator', ...RUN, ...LISTEN, '--run', run]).finished;
    expect(stderr).toMatch(/^gantry: cannot write \S+: the disk is full; [^\n]+\n$/);
    expect(code).toBe(1);
    expect(existsSync(run)).toBe(false);
    disk.free();
    await gantryOk('train', ...RUN, '--workers', '0', '--run', run);
  });
});
