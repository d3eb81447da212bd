import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { GantryError, type RecordedEvent } from '@gantry/core';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JsonLinesFile } from './json-lines.ts';
import { RunDirectory } from './run-directory.ts';
import type { MetricsLine, WorkLine } from './run-lines.ts';
import { parseSealedJson } from './sealed-json.ts';
import { sealedLine } from './sealed-line.ts';

const RUN_JSON = { created: '2026-01-01T00:00:00.000Z', config: { seed: 7 } };

function metricsLine(step: number): MetricsLine {
  return {
    step,
    epoch: 1,
    generatorLoss: 0.1 + step,
    discriminatorLoss: 1.5,
    dReal: 0.25,
    dFake: 0.75,
    generatorGradNorm: 1e-3,
    discriminatorGradNorm: 2,
    imagesPerSecond: 100,
    workers: 2,
    ms: { wait: 0, wire: 1, compute: 2, reduce: 3, adam: 4, total: 10 },
  };
}

function workLine(step: number, index: number): WorkLine {
  return { step, node: [0, index], worker: 'two\u2028lines', class: 'a1', samples: 64, ms: 12.5 };
}

let parent: string;
let path: string;
beforeEach(async () => {
  parent = await mkdtemp(join(os.tmpdir(), 'gantry-run-'));
  path = join(parent, 'runs', 'one');
});
afterEach(() => rm(parent, { recursive: true }));

interface RecordedLine {
  readonly step: number;
  readonly time?: string;
}

async function linesOf(file: string): Promise<RecordedLine[]> {
  const text = await readFile(join(path, file), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { checksum, ...fields } = JSON.parse(line) as RecordedLine & { checksum: string };
      expect(checksum).toMatch(/^[0-9a-f]{16}$/);
      return fields;
    });
}

const stepsOf = async (file: string) => (await linesOf(file)).map(({ step }) => step);

async function metricsOf(run: RunDirectory): Promise<MetricsLine[]> {
  const lines: MetricsLine[] = [];
  for await (const line of run.metrics()) lines.push(line);
  return lines;
}

/** A run of 5 steps with two pieces of work each, an event before the first step and one after each. */
async function recordedRun(): Promise<RunDirectory> {
  const run = await RunDirectory.create(path, RUN_JSON);
  run.appendEvent({ step: 0, type: 'started' });
  for (let step = 1; step <= 5; step++) {
    run.appendMetrics(metricsLine(step));
    for (const index of [0, 1]) run.appendWork(workLine(step, index));
    run.appendEvent({ step, type: 'checkpoint' });
  }
  return run;
}

describe('a new run', () => {
  test('is made with its parents, and holds what is appended at once', async () => {
    const run = await recordedRun();
    expect(JSON.parse(await readFile(join(path, 'run.json'), 'utf8'))).toMatchObject(RUN_JSON);
    expect(await linesOf('metrics.jsonl')).toEqual([1, 2, 3, 4, 5].map(metricsLine));
    expect(await linesOf('work.jsonl')).toEqual(
      [1, 2, 3, 4, 5].flatMap((step) => [workLine(step, 0), workLine(step, 1)]),
    );
    const events = await linesOf('events.jsonl');
    expect(events.slice(0, 2)).toMatchObject([
      { step: 0, type: 'started' },
      { step: 1, type: 'checkpoint' },
    ]);
    for (const { time = '' } of events) expect(new Date(time).toISOString()).toBe(time);
    await run.flush();
    expect(await metricsOf(run)).toEqual([1, 2, 3, 4, 5].map(metricsLine));
    await run.close();
    expect((await readdir(path)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('may take an empty directory, or one that a run left which had not begun', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, '.tmp-run.json'), '{');
    await (await RunDirectory.create(path, RUN_JSON)).close();
    expect(await readdir(path)).not.toContain('.tmp-run.json');
  });

  test('does not replace a run, and says what to do', async () => {
    await (await recordedRun()).close();
    await expect(RunDirectory.create(path, {})).rejects.toMatchObject({
      code: 'E_RUN_DIRECTORY',
      message: expect.stringMatching(/holds a run already: .*--resume.*--run/),
    });
    await (await RunDirectory.open(path)).close();
    expect(await stepsOf('metrics.jsonl')).toEqual([1, 2, 3, 4, 5]);
  });

  test('does not mix with other files', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'thesis.txt'), '');
    await expect(RunDirectory.create(path, {})).rejects.toThrow(/is not empty: choose another --run/);
    expect(await readdir(path)).toEqual(['thesis.txt']);
  });

  test('under a file is refused in one line', async () => {
    await writeFile(join(parent, 'runs'), '');
    await expect(RunDirectory.create(path, {})).rejects.toMatchObject({
      code: 'E_RUN_DIRECTORY',
      message: expect.stringMatching(/^cannot write .*one: .*a file[^\n]*$/),
    });
  });
});

describe('opening', () => {
  test('gives what run.json holds', async () => {
    await (await recordedRun()).close();
    const run = await RunDirectory.open(path);
    expect(parseSealedJson(run.runJson)).toEqual({ json: RUN_JSON, seal: 'intact' });
    await run.writeRunJson({ ...RUN_JSON, config: { seed: 7, epochs: 9 } });
    await run.close();
    const again = await RunDirectory.open(path);
    const json = { ...RUN_JSON, config: { seed: 7, epochs: 9 } };
    expect(parseSealedJson(again.runJson)).toEqual({ json, seal: 'intact' });
    await again.close();
  });

  test('what is not a run is refused, and nothing is made', async () => {
    await expect(RunDirectory.open(path)).rejects.toThrow(/one is not a run: it has no run\.json/);
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });

  test('a run.json that cannot be read is refused, and the run is free again', async () => {
    await (await recordedRun()).close();
    await rm(join(path, 'run.json'));
    await mkdir(join(path, 'run.json'));
    for (let i = 0; i < 2; i++) await expect(RunDirectory.open(path)).rejects.toThrow(/run\.json cannot be read: /);
  });
});

test('events are read whichever version wrote them', async () => {
  await (await recordedRun()).close();
  const line = { time: '2026-01-01T00:00:00.000Z', step: 5, type: 'moved', to: { rack: 2 } };
  for (const each of [line, { step: 5, time: 7 }]) await appendFile(join(path, 'events.jsonl'), sealedLine(each));
  const run = await RunDirectory.open(path);
  const events: RecordedEvent[] = [];
  for await (const event of run.events()) events.push(event);
  await run.close();
  expect(events.slice(-2)).toEqual([line, { time: '', step: 5, type: 'unknown' }]);
});

describe('truncateTo', () => {
  /** Prime, so that all bits of a byte have their turn. */
  const BIT_STRIDE = 127;
  const FILES = ['metrics.jsonl', 'work.jsonl', 'events.jsonl'] as const;

  test.each([0, 1, 3, 5, 9])('leaves the lines up to step %i', async (step) => {
    await (await recordedRun()).close();
    const run = await RunDirectory.open(path);
    await run.truncateTo(step);
    run.appendMetrics(metricsLine(step + 1));
    run.appendWork(workLine(step + 1, 0));
    run.appendEvent({ step, type: 'resumed', skipped: [] });
    await run.close();
    const kept = [1, 2, 3, 4, 5].filter((n) => n <= step);
    expect(await stepsOf('metrics.jsonl')).toEqual([...kept, step + 1]);
    expect(await stepsOf('work.jsonl')).toEqual([...kept.flatMap((n) => [n, n]), step + 1]);
    expect(await stepsOf('events.jsonl')).toEqual([0, ...kept, step]);
  });

  test('drops a last line that is torn anywhere, and what else is behind the last newline', async () => {
    await (await recordedRun()).close();
    const originals = new Map<string, Buffer>();
    for (const file of FILES) originals.set(file, await readFile(join(path, file)));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...FILES),
        fc.nat(1000),
        fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.filter((byte) => byte !== 0x0a)),
        async (file, cut, garbage) => {
          const whole = originals.get(file) ?? Buffer.alloc(0);
          // One other byte where the newline was is damage, which no killed process leaves.
          fc.pre(cut % whole.length !== 1 || garbage.length !== 1);
          const torn = Buffer.concat([whole.subarray(0, whole.length - (cut % whole.length)), garbage]);
          await writeFile(join(path, file), torn);
          const run = await RunDirectory.open(path);
          await run.truncateTo(5);
          await run.close();
          const left = await readFile(join(path, file));
          expect(Buffer.compare(left, whole.subarray(0, left.length))).toBe(0);
          // Everything up to the last newline before the cut is there, and nothing else.
          const intact = whole.subarray(0, whole.length - (cut % whole.length));
          expect(left.length).toBe(intact.lastIndexOf('\n') + 1);
          await writeFile(join(path, file), whole);
        },
      ),
      { seed: 5, numRuns: 200 },
    );
  });

  test('refuses to go on behind a damaged line that has to stay', async () => {
    await (await recordedRun()).close();
    const file = join(path, 'metrics.jsonl');
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.replace('{"step":3', '!"step":3'));
    const run = await RunDirectory.open(path);
    await expect(run.truncateTo(4)).rejects.toThrow(/metrics\.jsonl: line 3 is damaged/);
    await expect(metricsOf(run)).rejects.toThrow(/metrics\.jsonl: line 3 is damaged/);
    await run.truncateTo(2);
    expect(await metricsOf(run)).toEqual([1, 2].map(metricsLine));
    await run.close();
  });

  test.each([4, 5])('to step %i notices any bit that changes in a line that stays, no other', async (step) => {
    await (await recordedRun()).close();
    for (const file of FILES) {
      const whole = await readFile(join(path, file));
      const later = whole.indexOf(`"step":${step + 1}`);
      const kept = later < 0 ? whole : whole.subarray(0, whole.lastIndexOf('\n', later) + 1);
      for (let bit = 0; bit < whole.length * 8; bit += BIT_STRIDE) {
        const changed = Buffer.from(whole);
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        await writeFile(join(path, file), changed);
        const lines = await JsonLinesFile.open(join(path, file));
        const outcome = await lines.truncateTo(step).catch((error: unknown) => error);
        await lines.close();
        const left = await readFile(join(path, file));
        if (outcome === undefined) expect(left).toEqual(kept);
        else {
          expect(outcome).toMatchObject({ code: 'E_RUN_DIRECTORY', message: expect.stringContaining(file) as unknown });
          expect(left).toEqual(changed);
        }
        if (bit >> 3 < kept.length) expect(outcome, `bit ${bit} of ${file}`).toBeInstanceOf(GantryError);
      }
    }
  });

  test('takes files of many read buffers', async () => {
    const run = await RunDirectory.create(path, RUN_JSON);
    for (let step = 1; step <= 3000; step++) run.appendMetrics(metricsLine(step));
    expect((await stat(join(path, 'metrics.jsonl'))).size).toBeGreaterThan(5 * 65_536);
    await run.truncateTo(2500);
    expect(await metricsOf(run)).toEqual(Array.from({ length: 2500 }, (_, i) => metricsLine(i + 1)));
    await run.close();
  });

  test('removes the summary: the run has not ended any more', async () => {
    const run = await recordedRun();
    await run.writeSummary({ steps: 5 });
    expect(JSON.parse(await readFile(join(path, 'summary.json'), 'utf8'))).toEqual({ steps: 5 });
    await run.truncateTo(5);
    expect(await readdir(path)).not.toContain('summary.json');
    await run.close();
  });
});

test('samples are listed by epoch', async () => {
  const run = await RunDirectory.create(path, RUN_JSON);
  expect(await run.sampleFiles()).toEqual([]);
  for (const epoch of [0, 10_000, 2]) await run.writeSample(epoch, Uint8Array.of(epoch % 256));
  await writeFile(join(path, 'samples', 'notes.txt'), '');
  await writeFile(join(path, 'samples', '.tmp-epoch-0003.png'), '');
  const names = ['epoch-0000.png', 'epoch-0002.png', 'epoch-10000.png'];
  expect(await run.sampleFiles()).toEqual(names.map((name) => join(run.path, 'samples', name)));
  expect([...(await readFile(join(path, 'samples', 'epoch-0002.png')))]).toEqual([2]);
  expect(run.gifFile).toBe(join(run.path, 'samples.gif'));
  await run.close();
});
