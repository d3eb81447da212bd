import { request } from 'node:http';
import { join } from 'node:path';
import type { WorkLine } from '@gantry/coordinator';
import { expect, it } from 'vitest';
import { freePort } from './chaos/free-port.ts';
import { Gantry, gantry, readJsonLines, temporaryDirectory, whenFiles } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';

/** The answer to a request that calls the machine by another name. */
function statusAs(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, path: '/healthz', headers: { Host: host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject).end();
  });
}

it('gantry train --listen has its dashboard there, and others join', async () => {
  const port = await freePort();
  const run = join(temporaryDirectory(), 'run');
  const options = [...TINY, '--batch', '16', '--shard-size', '4', '--epochs', '5000', '--workers', '1', '--run', run];
  const names = ['--listen', `127.0.0.1:${port}`, '--allow-host', 'trainer'];
  const training = new Gantry(['train', ...options, ...names]);
  await training.output(new RegExp(`^dashboard: http://127\\.0\\.0\\.1:${port}/#token=`, 'm'));
  expect(await statusAs(`trainer:${port}`, port)).toBe(200);
  expect(await statusAs(`other:${port}`, port)).toBe(403);
  const joining = new Gantry(['worker', `ws://127.0.0.1:${port}`, '--threads', '1', '--name', 'ada']);
  const workersOf = () => new Set(readJsonLines<WorkLine>(run, 'work.jsonl').map(({ worker }) => worker));
  await whenFiles(() => workersOf().size === 2);
  expect(workersOf()).toEqual(new Set(['ada', 'local-1']));
  joining.process.kill('SIGTERM');
  training.process.kill('SIGTERM');
  expect((await training.finished).code).toBe(143);
  expect((await joining.finished).code).toBe(0);
});

it('an address that this machine has not is refused in one line', async () => {
  const options = [...TINY, '--run', join(temporaryDirectory(), 'run'), '--listen', '192.0.2.1:7070'];
  const { code, stdout, stderr } = await gantry('train', ...options);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toBe('gantry: cannot listen on 192.0.2.1:7070: this machine has no such address [E_CONFIG]\n');
});

it('the help tells addresses as they are given', async () => {
  const { stdout } = await gantry('coordinator', '--help');
  expect(stdout).toMatch(/--listen <host:port> +address for workers \(default:\s+127\.0\.0\.1:7070\)/);
});
