import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gantry, temporaryDirectory } from './support/gantry.ts';

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
