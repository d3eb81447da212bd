import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { trainConfigSchema } from '@gantry/core';
import { configFile } from './config-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

const FILE = join(directory, 'settings.json');
const read = (text: string) => {
  writeFileSync(FILE, text);
  return configFile(FILE);
};

const SETTINGS = { seed: 3, optimizers: { generator: { learningRate: 1, schedule: { warmUpSteps: 4 } } } };
const RECORD = { created: '2026-01-31T14:25:00.000Z', data: {}, numericClasses: [], config: SETTINGS };

describe('configFile', () => {
  it('reads settings, and names them', async () => {
    const { settings, describe: words } = await read(JSON.stringify(SETTINGS));
    expect(settings).toEqual(SETTINGS);
    expect(words(['seed'])).toBe(`seed in ${FILE}`);
    expect(words(['optimizers', 'generator', 'learningRate'], '1')).toBe(
      `optimizers.generator.learningRate 1 in ${FILE}`,
    );
  });

  it('reads the configuration of a run.json', async () => {
    const { settings, describe: words } = await read(JSON.stringify(RECORD));
    expect(settings).toEqual(SETTINGS);
    expect(words(['seed'], '3')).toBe(`config.seed 3 in ${FILE}`);
  });

  it('reads the example of the reference, which has every setting', async () => {
    const reference = readFileSync(new URL('../../../../docs/reference.md', import.meta.url), 'utf8');
    const [, example = ''] = /```json\n(.*?)```/s.exec(reference) ?? [];
    const { settings } = await read(example);
    expect(Object.keys(settings).toSorted((a, b) => a.localeCompare(b))).toEqual(
      Object.keys(trainConfigSchema.shape).toSorted((a, b) => a.localeCompare(b)),
    );
    expect(trainConfigSchema.parse(settings)).toEqual(settings);
  });

  it('reads files that begin with a byte order mark', async () => {
    expect((await read('\uFEFF{"seed": 3}')).settings).toEqual({ seed: 3 });
  });

  it('names keys in one line, whatever they are', async () => {
    const { describe: words } = await read('{}');
    expect(words(['a\nb\u001b[31m'])).toBe(`"ab[31m" in ${FILE}`);
    expect(words(['x'.repeat(1000)])).toBe(`"${'x'.repeat(60)}" in ${FILE}`);
  });

  it.each([
    ['{"seed": 3,}', 'is not JSON: line 1, column 12: Expected double-quoted property name'],
    ['{\n  "seed": 3\n  "batch": 4\n}', "is not JSON: line 3, column 3: Expected ',' or '}' after property value"],
    ['{\n  "seed": x\n}', "is not JSON: Unexpected token 'x'"],
    [`{"seed": ${' '.repeat(200)}x${' '.repeat(200)}}`, "is not JSON: Unexpected token 'x'"],
    ['', 'is not JSON: Unexpected end of JSON input'],
    ['{"seed": 3', "is not JSON: line 1, column 11: Expected ',' or '}' after property value"],
  ])('refuses %j, which is not JSON', async (text, problem) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'E_CONFIG', message: `--config ${FILE} ${problem}` });
  });

  it.each([
    [[], `--config ${FILE}: expected object, received array`],
    [null, `--config ${FILE}: expected object, received null`],
    [7, `--config ${FILE}: expected object, received number`],
    [{ optimizers: 'sgd' }, `optimizers in ${FILE}: expected object, received string`],
    [{ optimizers: { generator: 'sgd' } }, `optimizers.generator in ${FILE}: expected object, received string`],
    [
      { optimizers: { generator: { schedule: 'cosine' } } },
      `optimizers.generator.schedule in ${FILE}: expected object, received string`,
    ],
    [{ config: 3 }, `config in ${FILE}: expected object, received number`],
    [
      { ...RECORD, seed: 8, batch: 4 },
      `seed, batch in ${FILE}: neither a setting nor a part of run.json beside its config`,
    ],
  ])('refuses %j', async (document, message) => {
    await expect(read(JSON.stringify(document))).rejects.toMatchObject({ code: 'E_CONFIG', message });
  });

  it('refuses what it cannot read', async () => {
    const missing = join(directory, 'missing.json');
    const message = new RegExp(`^--config ${missing}: cannot read \\(ENOENT`);
    await expect(configFile(missing)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringMatching(message) as unknown,
    });
    await expect(configFile(directory)).rejects.toThrow(/cannot read \(EISDIR/);
  });
});
