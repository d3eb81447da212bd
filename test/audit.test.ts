import { join } from 'node:path';
import type { WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { afterEach, describe, expect, it } from 'vitest';
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
  whenFiles,
} from './support/gantry.ts';
import { LyingRelay } from './support/lying-relay.ts';
import { TINY } from './support/tiny.ts';

/** 128 steps of eight shards. */
const RUN = [...TINY, '--seed', '7', '--batch', '16', '--shard-size', '2', '--epochs', '2', '--checkpoint-every', '5'];
/** One in as many units. */
const SELDOM = 20;
/** Results of the liar before its first lie. */
const HONEST_AT_FIRST = 2;
/** A liar may be caught before its first lie counts: so often in a row, it hardly is. */
const TRIES = 6;

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

interface LyingRun {
  readonly path: string;
  /** How the liar's worker ended. */
  readonly code: number | null;
  readonly events: (type: string) => RecordedEvent[];
}

/** Trains with a liar and, once that is there, with honest workers; to the end. @param auditing options */
async function withLiar(honest: number, ...auditing: string[]): Promise<LyingRun> {
  const path = join(temporaryDirectory(), 'run');
  const coordinator = new Gantry(['coordinator', ...RUN, ...auditing, '--listen', '127.0.0.1:0', '--run', path]);
  const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
  const events = (type: string) =>
    readJsonLines<RecordedEvent>(path, 'events.jsonl').filter((each) => each.type === type);
  // A newcomer's first answer is compared in any case.
  let results = 0;
  const relay = await LyingRelay.open(url, () => ++results > HONEST_AT_FIRST);
  open.push(() => relay.close());
  const token = { GANTRY_TOKEN: readToken(path) };
  const others = Array.from({ length: honest }, (_, i) => new Gantry(['worker', url, '--name', `honest-${i}`], token));
  await whenFiles(() => events('joined').length >= honest);
  const liar = new Gantry(['worker', relay.url, '--name', 'liar', '--threads', '1'], token);
  const { code } = await liar.finished;
  // Somebody has to end the run.
  if (honest === 0) others.push(new Gantry(['worker', url, '--name', 'late'], token));
  const { code: ended, stderr } = await coordinator.finished;
  expect(ended, stderr).toBe(0);
  for (const other of others) expect((await other.finished).code).toBe(0);
  return { path, code, events };
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
    const expected = await trainedDigest(...RUN, '--workers', '0');
    for (let i = 0; i < TRIES; i++) {
      const { path, code, events } = await withLiar(2, '--audit', String(1 / SELDOM));
      expect(code).not.toBe(0);
      expect(digestOf(path)).toBe(expected);
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
