import { samplesIn, type PlannedUnit } from '@gantry/core';
import type { WorkerLink } from './worker-link.ts';

/** A worker that units are given to. */
export interface Holder {
  readonly link: WorkerLink;
  /** Takes a unit back; the worker may answer all the same. */
  take(unit: UnitState): void;
  /** Whether it has been at a unit for too long, and has not answered it since. */
  isLateWith(unit: UnitState): boolean;
  /** Time since it is thought to have begun with a unit that it holds, in ms. */
  timeOn(unit: UnitState, now: number): number;
}

/** Who gave the answer that counts. */
interface Accepted {
  readonly worker: Holder;
  /** Of the answer, where another one may come. */
  readonly hash: string | undefined;
}

/** A unit of a round on its way from "nobody has it" to "accepted": the one place that knows how far it is. */
export class UnitState {
  readonly work: PlannedUnit;
  readonly samples: number;
  /** Whether two answers have to have the same bits before it counts. */
  readonly isAudited: boolean;
  /** Whether newcomers compute it, too: its answer has to come by itself. */
  isShared = false;
  /** Whether the coordinator is computing it. */
  isJudged = false;
  readonly #holders = new Set<Holder>();
  readonly #nonFinite = new Map<string, string>();
  /** Who has given an answer that does not count yet, by identity. */
  readonly #heard = new Set<string>();
  #accepted: Accepted | undefined;
  #requeued = false;
  #duplicated = false;

  constructor(work: PlannedUnit, isAudited = false) {
    this.work = work;
    this.isAudited = isAudited;
    this.samples = samplesIn(work);
  }

  /** The step of a shard, or the first one of a unit of local steps, from 1, as people count. */
  get firstStep(): number {
    return (this.work.batches[0]?.step ?? 0) + 1;
  }

  /** Workers that were given it and whose answer is awaited. */
  get holders(): ReadonlySet<Holder> {
    return this.#holders;
  }

  get accepted(): Accepted | undefined {
    return this.#accepted;
  }

  /** Whether it has answers that do not count yet, for want of another one with the same bits. */
  get isHeard(): boolean {
    return this.#heard.size > 0;
  }

  /** Nobody has answered it, and nobody is about to. */
  get isFree(): boolean {
    return !this.#accepted && this.#holders.size === 0 && !this.isHeard;
  }

  /** It is audited, and nobody but one worker has it. */
  get lacksSecond(): boolean {
    return this.isAudited && !this.#accepted && this.#identities.size === 1;
  }

  /** Of those who have answered it or are about to: one with several connections counts once. */
  get #identities(): ReadonlySet<string> {
    return new Set([...this.#heard, ...[...this.#holders].map(({ link }) => link.identity)]);
  }

  /** Whether a worker has neither answered it nor is about to. */
  isNewTo(worker: Holder): boolean {
    return !this.#identities.has(worker.link.identity);
  }

  /** A holder was lost, or failed at it. */
  get requeued(): boolean {
    return this.#requeued;
  }

  /** It was late and was given to another worker, too. */
  get duplicated(): boolean {
    return this.#duplicated;
  }

  /** Names of the workers whose answer was not finite. */
  get nonFiniteAt(): readonly string[] {
    return [...this.#nonFinite.values()];
  }

  /** Whether this worker's answer was not finite, by identity: who comes back is no second opinion. */
  wasNonFiniteAt({ identity }: WorkerLink): boolean {
    return this.#nonFinite.has(identity);
  }

  givenTo(holder: Holder): void {
    this.#holders.add(holder);
  }

  takenFrom(holder: Holder): void {
    this.#holders.delete(holder);
  }

  /** It waits for another worker, unless an answer was accepted already. @returns whether it waits */
  requeue(): boolean {
    if (!this.#accepted) this.#requeued = true;
    return !this.#accepted;
  }

  /** It is late, and is given to another worker, too. */
  duplicate(): void {
    this.#duplicated = true;
  }

  nonFinite({ identity, name }: WorkerLink): void {
    this.#nonFinite.set(identity, name);
  }

  /** It has an answer that does not count yet. @returns whether it is the first one of that worker */
  hears(identity: string): boolean {
    if (this.#heard.has(identity)) return false;
    this.#heard.add(identity);
    return true;
  }

  /** Such an answer is not believed any more. */
  forgets(identity: string): void {
    this.#heard.delete(identity);
  }

  /** The answer that counted does not any more: it waits for another one. */
  retract(): void {
    this.#accepted = undefined;
    this.#requeued = true;
  }

  /** An answer counts. @param hash of it, asked for where other holders may answer, too */
  accept(worker: Holder, hash: () => string | undefined): void {
    this.#accepted = { worker, hash: this.#holders.size > 0 ? hash() : undefined };
    this.#heard.clear();
  }
}
