import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBytes, sha256 } from './large-bytes.ts';

const directory = await mkdtemp(join(tmpdir(), 'gantry-bytes-'));
afterAll(() => rm(directory, { recursive: true }));

describe.each([0, 1, 7, 8, 9, 24])('%i bytes in pieces of 8', (length) => {
  const bytes = new Uint8Array(randomBytes(length));

  it('have the hash that they have at once', () => {
    expect(sha256(bytes, 8)).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('are read from a file', async () => {
    const path = join(directory, String(length));
    await writeFile(path, bytes);
    expect(await readBytes(path, 8)).toEqual(bytes);
  });
});

it('an absent file is an error of the system', async () => {
  await expect(readBytes(join(directory, 'absent'))).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
});
