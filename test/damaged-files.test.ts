import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { train } from '@gantry/cli';
import { GantryError, type ErrorCode } from '@gantry/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { gantry, gantryOk, readToken, temporaryDirectory } from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** Of each file, spread evenly; as many are at the end, where nothing follows that could show damage. */
const FLIPS = 60;
const [, DATA] = TINY_DATA;

/** A finished run: all that it recorded has to stay. */
let run: string;
beforeAll(async () => {
  run = join(temporaryDirectory(), 'run');
  const size = ['--limit', '128', '--batch', '64', '--shard-size', '16', '--epochs', '1', '--seed', '9'];
  await gantryOk('train', ...TINY, ...size, '--workers', '0', '--run', run);
});

/** Changes one bit of a file as long as `use` goes on. */
async function withFlip<T>(file: string, bit: number, use: () => Promise<T>): Promise<T> {
  const intact = readFileSync(file);
  const flipped = Buffer.from(intact);
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  writeFileSync(file, flipped);
  const result = await use();
  expect(readFileSync(file).equals(flipped), `${file} is left alone`).toBe(true);
  writeFileSync(file, intact);
  return result;
}

function bitsToTry(bits: number): number[] {
  const spread = Array.from({ length: FLIPS }, (_, i) => Math.floor((i * bits) / FLIPS));
  const last = Array.from({ length: Math.min(FLIPS, bits) }, (_, i) => bits - 1 - i);
  return [...new Set([...spread, ...last])];
}

describe('a bit that changed on the disk is noticed on resume', () => {
  it.each<[file: string, code: ErrorCode]>([
    ['run.json', 'E_RUN_DIRECTORY'],
    ['metrics.jsonl', 'E_RUN_DIRECTORY'],
    ['work.jsonl', 'E_RUN_DIRECTORY'],
    ['events.jsonl', 'E_RUN_DIRECTORY'],
    ['work.token', 'E_AUTH'],
    ['control.token', 'E_AUTH'],
  ])('in %s', async (name, code) => {
    const file = join(run, name);
    for (const bit of bitsToTry(8 * readFileSync(file).length)) {
      const attempt = () => train({ run, resume: true, data: DATA }).catch((error: unknown) => error);
      const error = await withFlip(file, bit, attempt);
      expect(error, `bit ${bit} of ${name}`).toBeInstanceOf(GantryError);
      expect(error).toMatchObject({
        code,
        message: expect.stringMatching(RegExp(`^\\S*${name}\\b[^\\n]*$`)) as unknown,
      });
    }
  });

  it('and the command says so in one line', async () => {
    const file = join(run, 'run.json');
    const seed = readFileSync(file).indexOf('"seed": 9') + '"seed": '.length;
    // 9 becomes 8.
    const { code, stderr } = await withFlip(file, 8 * seed, () =>
      gantry('train', '--resume', ...TINY_DATA, '--epochs', '2', '--workers', '0', '--run', run),
    );
    expect(stderr).toBe(
      `gantry: ${file} is damaged: it does not match its checksum; restore it from a copy [E_RUN_DIRECTORY]\n`,
    );
    expect(code).toBe(1);
    // Nothing but the bit was in the way.
    await gantryOk('train', '--resume', ...TINY_DATA, '--epochs', '2', '--workers', '0', '--run', run);
  });
});

it('a token whose file was deleted is made anew, and is known from then on', async () => {
  const before = readToken(run);
  rmSync(join(run, 'work.token'));
  for (let i = 0; i < 2; i++) await (await train({ run, resume: true, data: DATA })).finished;
  expect(readToken(run)).not.toBe(before);
});
