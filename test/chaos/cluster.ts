import { setTimeout as delay } from 'node:timers/promises';
import type { Target } from '../support/hostile-peer.ts';
import type { SmallDisk } from '../support/small-disk.ts';
import type { CoordinatorSlot } from './coordinator-slot.ts';
import { Dice } from './dice.ts';
import { describeFault, type Fault, type FaultKind } from './faults.ts';
import { attackAsRogue, hang } from './rogue.ts';
import type { ChaosContext } from './slot.ts';
import type { SlowLink } from './slow-link.ts';
import type { WorkerSlot } from './worker-slot.ts';

export interface ClusterParts {
  readonly coordinator: CoordinatorSlot;
  readonly workers: readonly WorkerSlot[];
  readonly links: readonly SlowLink[];
  /** The coordinator itself, without a link. */
  readonly target: Target;
  /** Where the run is; absent where this machine permits none that tests can fill. */
  readonly disk: SmallDisk | undefined;
}

/**
 * What faults strike. Faults of one target happen one after the other, so that each meets a process that is there;
 * those of different targets happen at the same time.
 */
export class ChaosCluster {
  readonly #context: ChaosContext;
  readonly #parts: ClusterParts;
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #struck = new Map<FaultKind, number>();
  #rogues = 0;

  constructor(context: ChaosContext, parts: ClusterParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** How often each kind of fault has struck. */
  get struck(): ReadonlyMap<FaultKind, number> {
    return this.#struck;
  }

  /** Lets a fault happen, as soon as its target has no other. */
  strike(fault: Fault): void {
    const lane = this.#laneOf(fault);
    const previous = this.#lanes.get(lane) ?? Promise.resolve();
    const happened = previous.then(() => {
      this.#context.signal.throwIfAborted();
      this.#struck.set(fault.kind, (this.#struck.get(fault.kind) ?? 0) + 1);
      return this.#happen(fault, lane);
    });
    happened.catch((error: unknown) => this.#context.fail(`${fault.kind}: ${String(error)}`));
    this.#lanes.set(lane, happened);
  }

  /** Resolves when all faults are over. */
  async settled(): Promise<void> {
    await Promise.all(this.#lanes.values());
    for (const link of this.#parts.links) link.heal();
  }

  #laneOf(fault: Fault): string {
    if ('worker' in fault) return `worker ${fault.worker}`;
    if ('link' in fault) return `link ${fault.link}`;
    return fault.kind === 'rogue' || fault.kind === 'hung-peers' ? `rogue ${++this.#rogues}` : 'coordinator';
  }

  async #happen(fault: Fault, lane: string): Promise<void> {
    const { coordinator } = this.#parts;
    this.#context.say(describeFault(fault));
    switch (fault.kind) {
      case 'worker-kill':
        return this.#worker(fault.worker).kill(fault.downMs);
      case 'worker-leave':
        return this.#worker(fault.worker).leave(fault.downMs);
      case 'worker-pause':
      case 'worker-freeze':
        return this.#worker(fault.worker).freeze(fault.ms);
      case 'link-slow':
        this.#link(fault.link).slow(fault.bytesPerSecond);
        return this.#clearLater(fault.link, fault.ms);
      case 'link-stall':
        this.#link(fault.link).stall();
        return this.#clearLater(fault.link, fault.ms);
      case 'link-cut':
        return this.#link(fault.link).cut();
      case 'link-garbage':
        return this.#link(fault.link).spoil(fault.towards, new Dice(fault.seed, 2).bytes(fault.bytes));
      case 'link-flip':
        return this.#link(fault.link).flip(fault.towards, fault.seed);
      case 'rogue': {
        const outcome = await attackAsRogue(fault.attack, fault.seed, this.#parts.target, lane);
        return this.#context.say(`${lane}, ${fault.attack}: ${outcome}`);
      }
      case 'hung-peers':
        await hang(fault, this.#parts.target, lane, this.#context.signal);
        return;
      case 'liar':
        return coordinator.expose(fault.downMs, this.#parts.target);
      case 'full-disk':
        return this.#parts.disk
          ? coordinator.fill(this.#parts.disk, fault.downMs)
          : this.#context.say('no disk to fill: mount is not permitted here');
      case 'intruder':
        return coordinator.repel();
      case 'coordinator-kill':
        return coordinator.kill(fault.downMs);
      case 'coordinator-kill-twice':
        return coordinator.killTwice(fault.downMs, fault.upMs);
      case 'coordinator-stop':
        return coordinator.stopAndResume(fault.downMs);
      case 'coordinator-freeze':
        return coordinator.freeze(fault.ms);
    }
  }

  async #clearLater(link: number, ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#context.signal });
    this.#link(link).clear();
  }

  #worker(index: number): WorkerSlot {
    return elementAt(this.#parts.workers, index);
  }

  #link(index: number): SlowLink {
    return elementAt(this.#parts.links, index);
  }
}

function elementAt<T>(elements: readonly T[], index: number): T {
  const element = elements[index];
  if (element === undefined) throw new RangeError(`no target ${index} among ${elements.length}`);
  return element;
}
