import { join } from 'node:path';
import type { WorkLine } from '@gantry/coordinator';
import type { EpochEvaluation, RecordedEvent } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import {
  Gantry,
  digestOf,
  gantry,
  gantryOk,
  readJson,
  readJsonLines,
  readToken,
  temporaryDirectory,
  trainedDigest,
} from './support/gantry.ts';
import { AUDITED_RUN as RUN, eventsOf, trainWithLiar } from './support/lying-run.ts';

/** One in as many units. */
const SELDOM = 20;
/** A liar may be caught before its first lie counts: so often in a row, it hardly is. */
const TRIES = 6;

/** Trains with a liar to the end. @param auditing options */
async function withLiar(honest: number, ...auditing: string[]) {
  const { path, coordinator, honest: others, liar } = await trainWithLiar({ honest, auditing });
  for (const { code, stderr } of [coordinator, ...others]) expect(code, stderr).toBe(0);
  return { path, code: liar.code, events: (type: string) => eventsOf(path, type) };
}

const names = (events: readonly RecordedEvent[]) => [...new Set(events.map(({ worker }) => worker))];

describe('with --audit', () => {
  it('honest workers give the same bits as without, and each unit travels alone', async () => {
    const path = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...RUN, '--workers', '2', '--audit', '0.5', '--run', path);
    expect(digestOf(path)).toBe(await trainedDigest(...RUN, '--workers', '0'));
    const work = readJsonLines<WorkLine>(path, 'work.jsonl');
    expect(new Set(work.map(({ node: [level] }) => level))).toEqual(new Set([0]));
    const types = new Set(readJsonLines<RecordedEvent>(path, 'events.jsonl').map(({ type }) => type));
    for (const type of ['lied', 'invalid', 'rolled-back', 'tainted']) expect(types).not.toContain(type);
  });

  it('a liar is named and kept out, and the run goes back to before it had a hand in it', async () => {
    const evaluating = ['--evaluate-every', '1'];
    const expected = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...RUN, ...evaluating, '--workers', '0', '--run', expected);
    const evaluations = (of: string) => readJsonLines<EpochEvaluation>(of, 'evaluations.jsonl');
    for (let i = 0; i < TRIES; i++) {
      const { path, code, events } = await withLiar(2, '--audit', String(1 / SELDOM), ...evaluating);
      expect(code).not.toBe(0);
      expect(digestOf(path)).toBe(digestOf(expected));
      expect(evaluations(path)).toEqual(evaluations(expected));
      const back = events('rolled-back');
      if (back.length === 0) continue;
      expect(names(back)).toEqual(['liar']);
      return;
    }
    expect.fail(`it was caught at its first lie ${TRIES} times`);
  });

  it('a liar that is alone is found by the coordinator', async () => {
    const { path, code, events } = await withLiar(0, '--audit', '1');
    expect(code).not.toBe(0);
    expect(names(events('lied'))).toEqual(['liar']);
    expect(names(events('quarantined'))).toEqual(['liar']);
    // Nothing of it counted.
    expect(events('rolled-back')).toEqual([]);
    expect(digestOf(path)).toBe(await trainedDigest(...RUN, '--workers', '0'));
  });

  it('a liar among others is found where every unit is computed twice, and none of its lies counts', async () => {
    const { path, events } = await withLiar(2, '--audit', '1');
    expect(names(events('lied'))).toEqual(['liar']);
    expect(events('rolled-back')).toEqual([]);
    expect(digestOf(path)).toBe(await trainedDigest(...RUN, '--workers', '0'));
  });

  it('--audit-action mark goes on, and run.json says which steps are in doubt', async () => {
    for (let i = 0; i < TRIES; i++) {
      const { path, events } = await withLiar(2, '--audit', String(1 / SELDOM), '--audit-action', 'mark');
      expect(events('rolled-back')).toEqual([]);
      const { tainted } = readJson<{ tainted?: { worker: string; first: number; last: number }[] }>(path, 'run.json');
      const [lied] = events('lied');
      if (!tainted) continue;
      expect(tainted).toEqual([{ worker: 'liar', first: lied?.['first'], last: lied?.['last'] }]);
      return;
    }
    expect.fail(`it was caught at its first lie ${TRIES} times`);
  });

  it('a worker whose bits the coordinator cannot check is told so, and what to do', async () => {
    const path = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', ...RUN, '--audit', '0.1', '--listen', '127.0.0.1:0', '--run', path]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const { code, stderr } = await new Gantry(['worker', url, '--engine', 'tfjs'], { GANTRY_TOKEN: readToken(path) })
      .finished;
    expect(code).toBe(1);
    expect(stderr).toMatch(/this run audits its workers.*attach it with --engine (native|onnx)/);
    coordinator.process.kill('SIGINT');
    await coordinator.finished;
  });
});

it.each([
  [['--audit', '0'], /--audit <share>.*above 0 and at most 1/],
  [['--audit', '1.5'], /--audit <share>.*above 0 and at most 1/],
  [['--audit', 'often'], /--audit <share>.*Expected a number/],
  [['--audit-action', 'mark'], /--audit-action belongs to --audit/],
])('%j is refused in one line', async (options, message) => {
  const { code, stderr } = await gantry('train', ...options);
  expect(code).toBe(1);
  expect(stderr.trim()).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
