import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Gantry, gantry, temporaryDirectory } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';

const EMPTY = join(temporaryDirectory(), 'empty');
writeFileSync(EMPTY, '\n');
/** A port on which nobody listens, nor has announced a token. */
const LOCAL = 'ws://127.0.0.1:9';

describe('gantry worker', () => {
  it.each([
    [['http://127.0.0.1:7070'], /ws:\/\/ or wss:\/\/.*E_CONFIG/],
    [['nonsense'], /nonsense: not a URL.*E_CONFIG/],
    [['ws://host/?token=s3cret'], /query of a URL.*GANTRY_TOKEN.*--token-file.*E_CONFIG/],
    [['ws://host#s3cret'], /#token=.*E_CONFIG/],
    [[LOCAL], /no token: no coordinator.*port 9.*GANTRY_TOKEN.*--token-file.*E_AUTH/],
    [['ws://192.0.2.1:7070'], /no token: set GANTRY_TOKEN.*E_AUTH/],
    [[LOCAL, '--device', 'gpu'], /device gpu is none: expected cpu, webgpu, cuda or cuda:INDEX.*E_CONFIG/],
    [[LOCAL, '--device', 'cuda', '--engine', 'tfjs'], /the tfjs engine runs on cpu only.*E_ENGINE/],
    [[LOCAL, '--engine', 'torch'], /--engine.*torch.*onnx/],
    [[LOCAL, '--threads', '0'], /--threads.*'0'/],
    [[LOCAL, '--give-up-after', '0'], /--give-up-after.*'0'.*at least 1/],
    [[LOCAL, '--name', '\u200b'], /--name.*E_CONFIG/],
    [[LOCAL, '--token-file', EMPTY], /--token-file.*empty.*E_AUTH/],
    [[LOCAL, '--token-file', `${EMPTY}-not`], /--token-file.*cannot read.*E_CONFIG/],
    [[LOCAL, '--tls-ca', EMPTY], /--tls-ca.*wss.*E_CONFIG/],
    [['wss://127.0.0.1:9', '--tls-ca', EMPTY], /--tls-ca.*not a PEM.*E_CONFIG/],
  ])('%j is refused by one line without secrets', async (args, message) => {
    const { code, stdout, stderr } = await gantry('worker', ...args);
    expect(stderr).toMatch(/^(gantry|error):[^\n]*\n$/);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('s3cret');
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});

describe('gantry worker --give-up-after', () => {
  const GIVE_UP = ['--give-up-after', '1', '--engine', 'onnx', '--threads', '1'];

  it.each([
    [LOCAL, 'no connection to the coordinator: connect ECONNREFUSED 127.0.0.1:9'],
    ['ws://nohost.invalid:7070', 'the name nohost.invalid leads to no host'],
  ])('says why there is no coordinator at %s, and ends', async (url, why) => {
    const { code, stderr } = await new Gantry(['worker', url, ...GIVE_UP], { GANTRY_TOKEN: 't' }).finished;
    const [, waiting, end, ...more] = stderr.split('\n');
    expect(waiting).toContain(`waiting for the coordinator: ${why}`);
    expect(end).toContain(`gantry: no coordinator for 1 s, the last time: ${why}`);
    expect(end).toMatch(/ \[E_TIMEOUT\]$/);
    expect([code, more]).toEqual([1, ['']]);
  });

  it('ends once the coordinator that it worked for is gone', async () => {
    const run = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', ...TINY, '--listen', '127.0.0.1:0', '--run', run]);
    const [, url = ''] = await coordinator.output(/^attach workers with: .* (ws:\S+)$/m);
    const worker = new Gantry(['worker', url, ...GIVE_UP]);
    await worker.output(/joined run/);
    coordinator.process.kill('SIGKILL');
    const { code, stderr } = await worker.finished;
    expect(stderr).toMatch(/^gantry: no coordinator for 1 s, .* \[E_TIMEOUT\]$/m);
    expect(code).toBe(1);
  });
});
