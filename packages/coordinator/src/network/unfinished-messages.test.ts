import type { GantryError } from '@gantry/core';
import { beforeEach, expect, test } from 'vitest';
import { ControlFrames } from './control-frames.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';

const MAX_BYTES = 1_000_000;

let nowMs: number;
let all: UnfinishedMessages;
let ended: string[];
beforeEach(() => {
  nowMs = 0;
  ended = [];
  all = new UnfinishedMessages(MAX_BYTES, () => nowMs);
});

function connection(name: string) {
  const message = all.of(({ code }: GantryError) => {
    ended.push(`${name} ${code}`);
    all.forget(message);
  });
  return message;
}

/** Pieces of a message, one every so often, until all have come or it is ended. @returns how long that took, in ms */
function send(name: string, pieces: number, bytes: number, everyMs: number): number {
  const message = connection(name);
  const begin = nowMs;
  for (let sent = 0; sent < pieces && ended.length === 0; sent++) {
    message.received(bytes);
    nowMs += everyMs;
  }
  message.complete();
  return nowMs - begin;
}

test('a message that trickles is ended half a minute after it began', () => {
  expect(send('trickle', 100, 10, 1000)).toBeLessThan(33_000);
  expect(ended).toEqual(['trickle E_TIMEOUT']);
});

test('one that comes slowly and steadily is not, however long that takes', () => {
  expect(send('modem', 400, 2000, 100)).toBe(40_000);
  expect(send('satellite', 40, 20_000, 1000)).toBe(40_000);
  expect(ended).toEqual([]);
});

test('time in which nobody could read is nobody’s fault', () => {
  const message = connection('held up');
  message.received(1000);
  nowMs += 600_000;
  message.received(1000);
  expect(ended).toEqual([]);
});

test('complete messages, pings and pongs leave nothing behind', () => {
  const message = connection('worker');
  for (let i = 0; i < 1000; i++) {
    message.received(10_000);
    message.complete();
    message.received(8);
    message.discount(8);
    nowMs += 1000;
  }
  expect([all.heldBytes, ended]).toEqual([0, []]);
});

test('where there is no more room, the slowest of those with a large part goes', () => {
  const [slow, fast, small] = ['slow', 'fast', 'small'].map(connection);
  slow?.received(200_000);
  nowMs += 2000;
  small?.received(1);
  fast?.received(200_000);
  nowMs += 100;
  slow?.received(200_000);
  fast?.received(200_000);
  small?.received(1);
  expect(ended).toEqual([]);
  fast?.received(250_000);
  expect(ended).toEqual(['slow E_TOO_LARGE']);
  expect(all.heldBytes).toBeLessThan(MAX_BYTES);
});

test('many small pieces count for the memory that they take', () => {
  const message = connection('pieces');
  for (let i = 0; i < MAX_BYTES / 100 && ended.length === 0; i++) message.received(1);
  expect([all.heldBytes, ended]).toEqual([0, ['pieces E_TOO_LARGE']]);
});

test('more pings and pongs in one second than any worker sends are too many', () => {
  const frames = new ControlFrames(() => nowMs);
  const areTooMany = (count: number) => Array.from({ length: count }, () => frames.add()).includes(true);
  expect(areTooMany(1000)).toBe(false);
  nowMs += 1000;
  expect(areTooMany(1000)).toBe(false);
  expect(areTooMany(1)).toBe(true);
});
