import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Uplink, type Receiver } from './uplink.ts';

const BYTES = 5_000_000;
/** 100 Mbit/s. */
const BYTES_PER_MS = 12_500;
/** What a message takes that travels alone. */
const ALONE_MS = BYTES / BYTES_PER_MS;
/** One way. */
const DELAY_MS = 20;

interface Transfer {
  readonly link: string;
  left: number;
  readonly arrived: () => void;
}

/** Links that carry at a rate each, which what travels at the same time shares. */
class Network {
  readonly #transfers = new Set<Transfer>();
  readonly #rates: Readonly<Record<string, number>>;

  constructor(rates: Readonly<Record<string, number>>) {
    this.#rates = rates;
    setInterval(() => this.#millisecond(), 1);
  }

  start(link: string, bytes: number, arrived: () => void): void {
    this.#transfers.add({ link, left: bytes, arrived });
  }

  #millisecond(): void {
    for (const [link, rate] of Object.entries(this.#rates)) {
      const sharing = [...this.#transfers].filter((each) => each.link === link);
      for (const transfer of sharing) {
        transfer.left -= rate / sharing.length;
        if (transfer.left > 1e-6) continue;
        this.#transfers.delete(transfer);
        transfer.arrived();
      }
    }
  }
}

/** Receivers, each on a link of the network, and when messages to them began and were there. */
class Cluster {
  readonly uplink = new Uplink();
  readonly #network: Network;
  readonly #receivers = new Map<string, Receiver>();
  readonly links = new Map<string, string>();
  readonly began = new Map<string, number>();
  readonly arrived = new Map<string, number>();

  constructor(rates: Readonly<Record<string, number>>) {
    this.#network = new Network(rates);
  }

  /** @param answers whether it answers pings */
  join(name: string, link = 'card', answers = true): void {
    this.links.set(name, link);
    const delayMs = link === 'loopback' ? 0 : DELAY_MS;
    const receiver = this.uplink.join((answered) => {
      this.#network.start(this.links.get(name) ?? '', BYTES, () => {
        setTimeout(() => this.arrived.set(name, performance.now()), delayMs);
        if (answers) setTimeout(() => answered(2 * delayMs), 2 * delayMs);
      });
    });
    this.#receivers.set(name, receiver);
  }

  leave(name: string): void {
    this.uplink.leave(this.receiver(name));
  }

  receiver(name: string): Receiver {
    const receiver = this.#receivers.get(name);
    if (!receiver) throw new Error(`${name} has not joined`);
    return receiver;
  }

  /** Sends a message to each at the same time. @returns when each one began and arrived, from then on, in the time of one alone */
  round(ms = 60 * ALONE_MS): { began: number[]; arrived: (number | undefined)[] } {
    const startMs = performance.now();
    this.arrived.clear();
    for (const [name, receiver] of this.#receivers) {
      const begin = () => this.began.set(name, performance.now());
      this.uplink.send(receiver, BYTES, begin);
    }
    vi.advanceTimersByTime(ms);
    const times = (of: ReadonlyMap<string, number>) => (name: string) => {
      const atMs = of.get(name);
      return atMs === undefined ? NaN : Math.round((10 * (atMs - startMs)) / ALONE_MS) / 10;
    };
    const names = [...this.#receivers.keys()];
    return { began: names.map(times(this.began)), arrived: names.map(times(this.arrived)) };
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('large messages', () => {
  it('leave at once at first, and one after the other once the link is known to be slow', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS });
    for (const name of ['a', 'b', 'c', 'd']) cluster.join(name);
    const first = cluster.round();
    expect(first.began).toEqual([0, 0, 0, 0]);
    expect(first.arrived).toEqual([4.1, 4.1, 4.1, 4.1]);
    for (const round of [cluster.round(), cluster.round(), cluster.round()]) {
      expect(round.began).toEqual([0, 1, 2, 3]);
      expect(round.arrived).toEqual([1.1, 2.1, 3.1, 4.1]);
    }
    for (const name of ['a', 'b', 'c', 'd']) expect(cluster.receiver(name).bytesPerMs / BYTES_PER_MS).toBeCloseTo(1, 1);
  });

  it('leave at once, but for a round now and then, where each receiver has a slow link of its own', () => {
    for (const count of [2, 3, 8]) {
      const names = Array.from({ length: count }, (_, i) => `worker ${i}`);
      const cluster = new Cluster(Object.fromEntries(names.map((name) => [name, BYTES_PER_MS])));
      for (const name of names) cluster.join(name, name);
      const last = Array.from({ length: 32 }, () => Math.max(...cluster.round(5 * ALONE_MS).arrived.map(Number)));
      expect(last.filter((each) => each > 1.1).length, `${count}: ${last.join(' ')}`).toBeLessThanOrEqual(4);
      expect(Math.max(...last)).toBeLessThanOrEqual(2.1);
    }
  });

  it('wait for one that is on a far slower link of its own no longer than for any other', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS, modem: BYTES_PER_MS / 50 });
    cluster.join('slow', 'modem');
    for (const name of ['a', 'b', 'c']) cluster.join(name);
    for (let round = 0; round < 4; round++) {
      const [slow, ...others] = cluster.round().arrived.map(Number);
      expect(slow).toBeCloseTo(50, 0);
      expect(Math.max(...others)).toBeLessThanOrEqual(4.2);
      if (round > 1) expect(others).toEqual([2.1, 3.1, 4.1]);
    }
  });

  it('are in turn again once links of their own have become one, and at once when it is the other way round', () => {
    const names = ['a', 'b', 'c', 'd'];
    const cluster = new Cluster(Object.fromEntries(['card', ...names].map((link) => [link, BYTES_PER_MS])));
    for (const name of names) cluster.join(name, name);
    const rounds = (count: number) => Array.from({ length: count }, () => cluster.round(10 * ALONE_MS));
    rounds(5);
    for (const name of names) cluster.links.set(name, 'card');
    expect(rounds(20).at(-1)?.arrived).toEqual([1.1, 2.1, 3.1, 4.1]);
    for (const name of names) cluster.links.set(name, name);
    expect(rounds(20).at(-1)?.arrived).toEqual([1.1, 1.1, 1.1, 1.1]);
  });

  it('wait for a slow receiver no longer than its message would take on a faster link', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS, modem: BYTES_PER_MS / 20 });
    cluster.join('slow', 'modem');
    for (let round = 0; round < 3; round++) cluster.round();
    cluster.join('fast');
    for (let round = 0; round < 5; round++) expect(cluster.round().arrived.map(Number)[1]).toBeLessThan(2.2);
  });

  it('leave at once to who is on a fast link, while others wait for theirs', () => {
    const cluster = new Cluster({ loopback: 100 * BYTES_PER_MS, card: BYTES_PER_MS });
    for (const name of ['a', 'b']) cluster.join(name);
    cluster.join('near', 'loopback');
    for (let round = 0; round < 4; round++) cluster.round();
    // The one that is near was among those by which the link was measured first.
    expect(cluster.round().began).toEqual([0, 0.7, 0]);
    for (let round = 0; round < 20; round++) cluster.round();
    expect(cluster.round().began).toEqual([0, 1, 0]);
  });

  it('leave at once where the link is fast', () => {
    const cluster = new Cluster({ card: 50 * BYTES_PER_MS });
    for (const name of ['a', 'b', 'c']) cluster.join(name);
    cluster.round();
    expect(cluster.round().began).toEqual([0, 0, 0]);
  });

  it('wait no longer once all that were sent have arrived', () => {
    const rates = { card: BYTES_PER_MS };
    const cluster = new Cluster(rates);
    for (const name of ['a', 'b', 'c', 'd']) cluster.join(name);
    for (let round = 0; round < 3; round++) cluster.round();
    rates.card *= 4;
    expect(Math.max(...cluster.round().arrived.map(Number))).toBeLessThan(1.8);
    expect(Math.max(...cluster.round().arrived.map(Number))).toBeLessThan(1.2);
  });

  it('go to others where one does not answer', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS });
    cluster.join('silent', 'card', false);
    for (const name of ['a', 'b', 'c']) cluster.join(name);
    for (let round = 0; round < 20; round++) {
      const { arrived } = cluster.round();
      expect(Math.max(...arrived.map(Number))).toBeLessThan(5);
      if (round === 5) expect(arrived).toEqual([1.1, 2.1, 3.1, 4.1]);
    }
  });

  it('go to none that has left, and to those after it', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS });
    for (const name of ['a', 'b', 'c', 'd']) cluster.join(name);
    for (let round = 0; round < 2; round++) cluster.round();
    cluster.began.clear();
    cluster.round(0.5 * ALONE_MS);
    cluster.leave('b');
    vi.advanceTimersByTime(10 * ALONE_MS);
    expect([...cluster.began.keys()]).toEqual(['a', 'c', 'd']);
    const begin = vi.fn();
    cluster.uplink.send(cluster.receiver('b'), BYTES, begin);
    vi.advanceTimersByTime(10 * ALONE_MS);
    expect(begin).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('of three leave at once after somebody has joined, and from time to time, as links may have changed', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS });
    for (const name of ['a', 'b', 'c', 'd']) cluster.join(name);
    for (let round = 0; round < 2; round++) cluster.round();
    expect(cluster.round().began).toEqual([0, 1, 2, 3]);
    cluster.join('e');
    expect(cluster.round().began).toEqual([0, 0, 0, 3, 4]);
    expect(cluster.round().began).toEqual([0, 1, 2, 3, 4]);
    const others = Array.from({ length: 60 }, () => cluster.round().began.join(' ')).filter(
      (began) => began !== '0 1 2 3 4',
    );
    expect(others.length).toBeGreaterThanOrEqual(3);
    expect(others.length).toBeLessThanOrEqual(8);
  });

  it('are the newest only, in the place of what waited', () => {
    const cluster = new Cluster({ card: BYTES_PER_MS });
    for (const name of ['a', 'b', 'c']) cluster.join(name);
    cluster.round();
    cluster.began.clear();
    cluster.round(0.5 * ALONE_MS);
    const begun: string[] = [];
    cluster.uplink.send(cluster.receiver('b'), BYTES, () => begun.push('newest of b'));
    cluster.uplink.send(cluster.receiver('c'), BYTES, () => begun.push('newest of c'));
    expect([cluster.uplink.hasTurn(cluster.receiver('b')), begun]).toEqual([true, []]);
    vi.advanceTimersByTime(10 * ALONE_MS);
    expect([begun, [...cluster.began.keys()]]).toEqual([['newest of b', 'newest of c'], ['a']]);
  });
});

it('small messages never wait', () => {
  const cluster = new Cluster({ card: BYTES_PER_MS });
  for (const name of ['a', 'b']) cluster.join(name);
  cluster.round();
  cluster.round(0);
  expect(cluster.uplink.hasTurn(cluster.receiver('b'))).toBe(true);
  const begin = vi.fn();
  cluster.uplink.send(cluster.receiver('a'), 1000, begin);
  expect(begin).toHaveBeenCalledOnce();
});
