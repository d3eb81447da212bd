import { setTimeout as delay } from 'node:timers/promises';
import { encodeFrame } from '@gantry/core';
import { HostilePeer, helloFrame, rawFrame, type Target } from '../support/hostile-peer.ts';
import { within } from '../support/within.ts';
import { Dice } from './dice.ts';
import type { Attack, FaultOf } from './faults.ts';

const ATTACK_LIMIT_MS = 30_000;
/** A shard that no step of the run has, and steps ahead that nobody was given. */
const NO_SUCH_SHARD = 50_000;
const FAR_AHEAD = 100_000;
/** No shard of the run has so many, and no two together. */
const WRONG_SAMPLES = 5;

/**
 * A stranger with the right token: attacks once and goes away. Nothing of it may count. It never gives a shard that it
 * holds a wrong answer of the right form, which nobody could tell from a right one.
 * @returns how it ended, in words
 */
export async function attackAsRogue(attack: Attack, seed: number, target: Target, name: string): Promise<string> {
  const dice = new Dice(seed, 1);
  let peer: HostilePeer | undefined;
  try {
    peer = await HostilePeer.connect(target);
    return await within(ATTACK_LIMIT_MS, attack, act(attack, peer, dice, name));
  } catch (error) {
    // A coordinator that is down, or that throws it out early, has not been harmed either.
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  } finally {
    await peer?.vanish();
  }
}

async function act(attack: Attack, peer: HostilePeer, dice: Dice, name: string): Promise<string> {
  switch (attack) {
    case 'noise':
      peer.send(dice.pick([dice.bytes(2048), rawFrame(dice.bytes(200)), rawFrame(dice.bytes(8), 2 ** 31), 'hello']));
      return refusalOf(peer);
    case 'out-of-turn':
      peer.send(helloFrame(name));
      await peer.next('welcome');
      peer.send(dice.pick([helloFrame(name), encodeFrame({ type: 'leaving' }), failureFrame()]));
      return refusalOf(peer);
    case 'uninvited': {
      await peer.getReady(name);
      const round = await peer.round();
      peer.sendResult(round, NO_SUCH_SHARD);
      peer.sendResult(round + FAR_AHEAD, 0);
      // It may have been given both shards by now: with the right number of samples, their sum would count.
      peer.sendResult(round, 0, { level: 1, samples: WRONG_SAMPLES });
      return refusalOf(peer);
    }
    case 'wrong-samples': {
      await peer.getReady(name);
      const { code, shard } = await peer.answerUntilRefused(({ round, index }) =>
        peer.sendResult(round, index, { samples: WRONG_SAMPLES }),
      );
      return `shard ${shard.index} of step ${shard.round + 1} refused, ${code}`;
    }
    case 'idle': {
      await peer.getReady(name);
      const { round, index } = await peer.next('assign');
      await delay(dice.between(0, 6000));
      return `kept shard ${index} of step ${round + 1} and vanished`;
    }
  }
}

/** Strangers with the right token that take work and keep it. */
export async function hang(
  { count, isReading, ms }: FaultOf<'hung-peers'>,
  target: Target,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const hung = Array.from({ length: count }, async (_, i) => {
    // A coordinator that is down, or that throws it out, has not been harmed.
    const peer = await HostilePeer.join(target, `${name}-${i}`).catch(() => undefined);
    if (!isReading) peer?.stopReading();
    await delay(ms, undefined, { signal });
    await peer?.vanish();
  });
  await Promise.all(hung);
}

function failureFrame(): Uint8Array {
  return encodeFrame({ type: 'failure', code: 'E_ENGINE', message: 'no engine', round: 1, index: 0 });
}

async function refusalOf(peer: HostilePeer): Promise<string> {
  const { code, closeCode } = await peer.refusal();
  return `closed with ${closeCode}${code === undefined ? '' : `, ${code}`}`;
}
