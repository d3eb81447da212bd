import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RunDirectory } from './run-directory.ts';

const RUN_JSON = { created: '2026-01-01T00:00:00.000Z' };
const ID = '0123456789abcdef';

let parent: string;
let path: string;
beforeEach(async () => {
  parent = await mkdtemp(join(os.tmpdir(), 'gantry-lock-'));
  path = join(parent, 'one');
  await (await RunDirectory.create(path, RUN_JSON)).close();
});
afterEach(() => rm(parent, { recursive: true }));

async function locks(): Promise<string[]> {
  return (await readdir(path)).filter((name) => name.startsWith('.lock-'));
}

const refused = (message: RegExp) => ({
  code: 'E_RUN_DIRECTORY',
  message: expect.stringMatching(message) as unknown,
});

describe('between processes', () => {
  /** Opens a run, says so, appends lines without end. */
  const HOLDER = `
    const [module, path] = process.argv.slice(1);
    const { RunDirectory } = await import(module);
    const run = await RunDirectory.open(path);
    process.stdout.write('open\\n');
    const append = () => { run.appendEvent({ step: 0, type: 'tick' }); setImmediate(append); };
    append();`;
  const module = new URL('../../dist/storage/run-directory.js', import.meta.url).href;
  const node = [process.execPath, '--input-type=module', '-e', HOLDER, module];

  const children: ChildProcess[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map(kill));
  });

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  function start(...args: string[]): ChildProcess & { readonly stdout: Readable } {
    const [command = '', ...rest] = args;
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    return child;
  }

  /** What a process says first, or '' if it ends without. */
  async function firstOutput(child: { readonly stdout: Readable }): Promise<string> {
    for await (const chunk of child.stdout) return String(chunk);
    return '';
  }

  test('a second one is kept out until the first is killed, which loses no line', async () => {
    const child = start(...node, path);
    expect(await firstOutput(child)).toBe('open\n');
    for (const attempt of [() => RunDirectory.open(path), () => RunDirectory.create(path, {})]) {
      await expect(attempt()).rejects.toMatchObject(
        refused(new RegExp(`one is being written by process ${child.pid} on ${os.hostname()}; stop it first`)),
      );
    }
    const events = () => readFile(join(path, 'events.jsonl'), 'utf8');
    // It says that the run is open before it writes the first line.
    await vi.waitFor(async () => expect(await events()).not.toBe(''));
    await kill(child);
    expect((await locks()).length).toBeGreaterThan(0);
    const run = await RunDirectory.open(path);
    // One write to a line: the kill cannot have torn one.
    expect(await events()).toMatch(/^(\{[^\n]*"tick"[^\n]*\}\n)+$/);
    await run.close();
    expect(await locks()).toEqual([]);
  });

  test('one that is frozen is not taken for dead', async () => {
    const child = start(...node, path);
    expect(await firstOutput(child)).toBe('open\n');
    child.kill('SIGSTOP');
    await expect(RunDirectory.open(path)).rejects.toMatchObject(refused(/being written/));
  });

  test('a path may be longer than the address of a socket', async () => {
    path = join(parent, 'a-long-name-'.repeat(15), 'run');
    await (await RunDirectory.create(path, RUN_JSON)).close();
    const child = start(...node, path);
    expect(await firstOutput(child)).toBe('open\n');
    await expect(RunDirectory.open(path)).rejects.toMatchObject(refused(/being written/));
    await kill(child);
    await (await RunDirectory.open(path)).close();
  });

  test('of those that start together, at most one gets the run', async () => {
    const outputs = await Promise.all([1, 2, 3, 4].map(() => firstOutput(start(...node, path))));
    expect(outputs.filter((output) => output === 'open\n').length).toBeLessThanOrEqual(1);
    await Promise.all(children.map(kill));
    await (await RunDirectory.open(path)).close();
    expect(await locks()).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('one that is dead and was not waited for does not count', async () => {
    // The shell starts the holder and turns into a program that never waits for its children.
    const shell = start('sh', '-c', '"$@" & echo $!; exec tail -f /dev/null', 'sh', ...node, path);
    let output = '';
    for await (const chunk of shell.stdout) {
      output += String(chunk);
      if (output.includes('open')) break;
    }
    const pid = Number(/^\d+$/m.exec(output)?.[0]);
    await expect(RunDirectory.open(path)).rejects.toThrow(new RegExp(`process ${pid} on `));
    process.kill(pid, 'SIGKILL');
    // It is dead once the last of its threads is.
    const isDead = () =>
      /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) && readdirSync(`/proc/${pid}/task`).length === 1;
    while (!isDead()) await new Promise(setImmediate);
    await (await RunDirectory.open(path)).close();
  });
});

test('keeps this process out, too, and is free after closing', async () => {
  const run = await RunDirectory.open(path);
  await expect(RunDirectory.open(path)).rejects.toMatchObject(refused(new RegExp(`process ${process.pid} on `)));
  await run.close();
  await (await RunDirectory.open(path)).close();
});

describe('the lock of a process of another machine', () => {
  const LEASE = `.lock-12-0@elsewhere~${ID}`;
  const lease = (beat: number, expiryMs = 30_000) =>
    JSON.stringify({ kernel: 'another', disk: '7', expiryMs, beat: String(beat).padStart(12, '0') });

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Opens the run, once it has begun to watch the lock. */
  async function opening(): Promise<{ readonly opened: Promise<RunDirectory> }> {
    const opened = RunDirectory.open(path);
    // Its own lease has a timer, and so has the watching.
    const isWatching = () => vi.getTimerCount() >= 2;
    while (!isWatching()) await new Promise(setImmediate);
    return { opened };
  }

  test('counts as long as it beats', async () => {
    await writeFile(join(path, LEASE), lease(1));
    const { opened } = await opening();
    const outcome = expect(opened).rejects.toMatchObject(refused(/being written by process 12 on elsewhere; stop it/));
    await vi.advanceTimersByTimeAsync(29_000);
    await writeFile(join(path, LEASE), lease(2));
    await vi.advanceTimersByTimeAsync(1000);
    await outcome;
    expect(await locks()).toEqual([LEASE]);
  });

  test('is taken over once it has not beaten for its expiry', async () => {
    await writeFile(join(path, LEASE), lease(1, 10_000));
    await writeFile(join(path, `.lock-${ID}.sock`), '');
    const { opened } = await opening();
    const settled = vi.fn();
    void opened.then(settled);
    await vi.advanceTimersByTimeAsync(9500);
    expect(await locks()).toContain(LEASE);
    await vi.advanceTimersByTimeAsync(500);
    await (await opened).close();
    expect(await locks()).toEqual([]);
  });

  test('does not count once it is gone, and counts where it is not finished or of a later version', async () => {
    await writeFile(join(path, LEASE), '');
    const first = await opening();
    await rm(join(path, LEASE));
    await vi.advanceTimersByTimeAsync(500);
    await (await first.opened).close();

    await writeFile(join(path, LEASE), 'something else');
    const second = await opening();
    const outcome = expect(second.opened).rejects.toMatchObject(refused(/being written/));
    await vi.advanceTimersByTimeAsync(20_000);
    await writeFile(join(path, LEASE), 'something new');
    await vi.advanceTimersByTimeAsync(500);
    await outcome;
  });

  test('is not believed dead for a socket that somebody listens on', async () => {
    await writeFile(join(path, LEASE), lease(1));
    const server = net.createServer().listen(join(path, `.lock-${ID}.sock`));
    await once(server, 'listening');
    await expect(RunDirectory.open(path)).rejects.toMatchObject(refused(/being written by process 12 on elsewhere/));
    await new Promise((resolve) => server.close(resolve));
  });

  test('ends a run that was silent for so long that another process took it over', async () => {
    const run = await RunDirectory.open(path);
    run.appendEvent({ step: 0, type: 'stopped' });
    const [own = ''] = (await locks()).filter((name) => name.includes('@'));
    await rm(join(path, own));
    await vi.advanceTimersByTimeAsync(5000);
    const lost = refused(/one was taken over by another process .*nothing more is written$/);
    expect(() => run.appendEvent({ step: 1, type: 'stopped' })).toThrow(expect.objectContaining(lost));
    await expect(run.flush()).rejects.toMatchObject(lost);
    await expect(run.writeSummary({})).rejects.toMatchObject(lost);
    expect(await readFile(join(path, 'events.jsonl'), 'utf8')).toMatch(/^[^\n]*"stopped"[^\n]*\n$/);
    await run.close();
  });

  test('is renewed by one that was frozen and not taken over', async () => {
    const run = await RunDirectory.open(path);
    const [own = ''] = (await locks()).filter((name) => name.includes('@'));
    const before = readFileSync(join(path, own), 'utf8');
    // Frozen, it loses its timer's calls.
    vi.setSystemTime(Date.now() + 60_000);
    vi.advanceTimersByTime(60_000);
    run.appendEvent({ step: 0, type: 'stopped' });
    const after = readFileSync(join(path, own), 'utf8');
    expect(after).not.toBe(before);
    expect(after.length).toBe(before.length);
    await run.close();
  });

  describe('as Gantry 0.1 made it', () => {
    const OLD = '.lock-12-345@elsewhere';

    test('counts as long as its run goes on', async () => {
      await writeFile(join(path, OLD), '');
      const { opened } = await opening();
      const outcome = expect(opened).rejects.toMatchObject(refused(/being written by process 12 on elsewhere/));
      await vi.advanceTimersByTimeAsync(20_000);
      await appendFile(join(path, 'metrics.jsonl'), '{"step":1}\n');
      await vi.advanceTimersByTimeAsync(500);
      await outcome;
    });

    test('is taken over once its run has been silent for 30 s', async () => {
      await writeFile(join(path, OLD), '');
      const { opened } = await opening();
      await vi.advanceTimersByTimeAsync(30_000);
      await (await opened).close();
      expect(await locks()).toEqual([]);
    });
  });
});

describe('the lock of this machine as Gantry 0.1 made it', () => {
  const own = `@${os.hostname()}`;
  const startOf = (pid: number) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  };

  test.runIf(process.platform === 'linux')('counts while its process lives', async () => {
    await writeFile(join(path, `.lock-${process.pid}-${startOf(process.pid)}${own}`), '');
    await expect(RunDirectory.open(path)).rejects.toMatchObject(refused(/being written by process/));
  });

  test.runIf(process.platform === 'linux')('does not count for a later process of the same pid', async () => {
    await writeFile(join(path, `.lock-${process.pid}-${Number(startOf(process.pid)) - 1}${own}`), '');
    await (await RunDirectory.open(path)).close();
    expect(await locks()).toEqual([]);
  });

  test('does not count once its process is dead', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(join(path, `.lock-${child.pid}-0${own}`), '');
    await (await RunDirectory.open(path)).close();
    expect(await locks()).toEqual([]);
  });
});
