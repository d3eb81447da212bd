import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openTokens, secretsEqual } from './tokens.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(os.tmpdir(), 'gantry-tokens-'));
  vi.stubEnv('XDG_STATE_HOME', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

async function modeOf(...path: string[]): Promise<string> {
  return ((await stat(join(directory, ...path))).mode & 0o777).toString(8);
}

describe('openTokens', () => {
  test('makes two different tokens of 32 bytes in a private file, and keeps them', async () => {
    const umask = process.umask(0);
    const made = await openTokens(directory).finally(() => process.umask(umask));
    for (const token of [made.work, made.control]) expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(made.work).not.toBe(made.control);
    expect([await modeOf('work.token'), await modeOf('control.token')]).toEqual(['600', '600']);
    expect(await readdir(directory)).toEqual(['control.token', 'work.token']);
    expect(await readFile(join(directory, 'work.token'), 'utf8')).toBe(`${made.work}\n`);
    expect(await openTokens(directory)).toEqual(made);
  });

  test('a leftover that others can read is not written into', async () => {
    await writeFile(join(directory, `.tmp-${process.pid}-work.token`), 'old', { mode: 0o666 });
    await openTokens(directory);
    expect(await modeOf('work.token')).toBe('600');
  });

  test.each([0o640, 0o604, 0o620])('refuses a file of mode %o', async (mode) => {
    const { work } = await openTokens(directory);
    await chmod(join(directory, 'work.token'), mode);
    const message: unknown = expect.stringMatching(/^\S*work\.token holds secrets .* chmod 600 on it$/);
    await expect(openTokens(directory)).rejects.toMatchObject({ code: 'E_AUTH', message });
    await expect(openTokens(directory)).rejects.not.toThrow(work);
  });

  test.each(['', '\n', 'short', `${tokens.work}w`, `${tokens.work}\n${tokens.work}`])(
    'refuses a damaged file: %j',
    async (text) => {
      await writeFile(join(directory, 'work.token'), text, { mode: 0o600 });
      await expect(openTokens(directory)).rejects.toMatchObject({ code: 'E_AUTH' });
    },
  );

  test('names the file that it cannot write', async () => {
    const message: unknown = expect.stringMatching(/^cannot write \S*absent\/work\.token: [^\n]*$/);
    const attempt = openTokens(join(directory, 'absent'));
    await expect(attempt).rejects.toMatchObject({ code: 'E_RUN_DIRECTORY', message });
  });
});

test('secretsEqual', () => {
  expect(secretsEqual(tokens.work, tokens.work)).toBe(true);
  for (const other of ['', 'w', tokens.work.slice(1), `${tokens.work}w`, tokens.control]) {
    expect(secretsEqual(other, tokens.work)).toBe(false);
  }
});
