import { GantryError, LARGEST_GRADIENT, ReductionTree, type PlannedUnit, type RunEvent } from '@gantry/core';
import { isUsable, opinionOf } from './answers.ts';
import { Arrivals } from './arrivals.ts';
import { describeStalls } from './assignment.ts';
import { Audit, TaintedError, type Taint } from './audit.ts';
import type { AuditOptions } from './audit-options.ts';
import { ClassNames, type ClaimedClass } from './class-names.ts';
import { Court } from './court.ts';
import { Distribution } from './distribution.ts';
import type { PublishedWeights } from './published-weights.ts';
import { Quarantine } from './quarantine.ts';
import type { Referee } from './referee.ts';
import { Probation } from './probation.ts';
import { RecentPace, WorkerRegistry, isAllDone, type RegisteredWorker } from './worker-registry.ts';
import type { RoundResult } from './round-result.ts';
import { RoundInProgress, hashOf } from './round-in-progress.ts';
import type { SchedulerView } from './scheduler-view.ts';
import type { SumThread } from './sum-thread.ts';
import { UnitState } from './unit-state.ts';
import type { NodeResult, ShardComputed, UnitProgress, WorkerLink } from './worker-link.ts';

/** For people. */
const LIMIT = LARGEST_GRADIENT.toExponential(1);
/** Of a worker that joins before anything was measured. */
const SUPPOSED_MS_PER_SAMPLE = 1;
/** How often lateness and stalls are looked for. */
const WATCH_MS = 50;
/** Timers of more fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface SchedulerOptions {
  /** What the numeric classes of workers are called; absent: none is known yet. */
  readonly classNames?: ClassNames;
  /** Starts whoever has the last word where workers contradict each other, or find that training has diverged. */
  readonly startReferee?: (() => Promise<Referee>) | undefined;
  /** Absent: workers are believed. */
  readonly audit?: AuditOptions | undefined;
  /** Absent: contributions are added up as they are received. */
  readonly sums?: Pick<SumThread, 'begin' | 'dispose'> | undefined;
}

/**
 * Distributes the shards of each round over whatever workers there are and reduces what comes back. Workers may join,
 * leave, fail, freeze and answer twice at any moment: which worker computes a shard never changes the result.
 *
 * Every worker gets its share at once, in proportion to its measured speed. Who runs dry takes over what others have
 * not begun; what is late is given to others, too, until one of them answers. Who is late gets nothing new before it has answered.
 */
export class Scheduler {
  readonly classNames: ClassNames;
  readonly quarantine: Quarantine;
  readonly arrivals = new Arrivals();
  readonly #registry = new WorkerRegistry();
  readonly #pace = new RecentPace();
  readonly #onEvent: (event: RunEvent) => void;
  readonly #audit: Audit | undefined;
  readonly #sums: SchedulerOptions['sums'];
  readonly #court: Court;
  readonly #probation: Probation;
  readonly #distribution: Distribution;
  #current: RoundInProgress | undefined;
  /** Rounds begun. */
  #round = 0;
  /** Memory of sums, used again with every round; the last result's is in use until the next one begins. */
  readonly #freeVectors: Float32Array[] = [];
  #root: Float32Array | undefined;

  constructor(
    onEvent: (event: RunEvent) => void,
    { classNames = new ClassNames(), startReferee, audit, sums }: SchedulerOptions = {},
  ) {
    this.#onEvent = onEvent;
    this.#sums = sums;
    this.classNames = classNames;
    this.quarantine = new Quarantine(onEvent);
    this.#audit = audit && new Audit(audit);
    this.#probation = new Probation({
      invalid: (entry, error) => this.#invalid(entry, error),
      ended: ({ link }, round) => {
        if (this.#current && this.#current.round !== round) link.setWeights(this.#current.weights, true);
      },
      contradicted: (entry, shard, ...answers) => {
        const current = this.#current;
        if (shard.work.round === current?.round) void this.#court.settle(current, shard, entry, ...answers);
      },
    });
    this.#court = new Court({
      audit: this.#audit,
      classNames,
      startReferee,
      onEvent,
      current: () => this.#current,
      accept: (...accepted) => this.#accept(...accepted),
      give: (entry, shard) => this.#distribution.give(entry, shard),
      invalid: (entry, error) => this.#invalid(entry, error),
      expel: (identity, error) => this.#expel(identity, error),
      distribute: () => this.#distribution.distribute(),
    });
    this.#distribution = new Distribution({
      registry: this.#registry,
      pace: this.#pace,
      probation: this.#probation,
      court: this.#court,
      isAudited: audit !== undefined,
      onEvent,
      current: () => this.#current,
    });
  }

  /**
   * Gets ready to audit workers, where that is wanted; before the first one joins.
   * @throws GantryError E_ENGINE if the coordinator cannot compute
   */
  async prepare(): Promise<void> {
    await this.#court.prepare();
  }

  /** Why workers of a numeric class cannot take part; undefined if they can. */
  refusalOf(claim: ClaimedClass): GantryError | undefined {
    return this.#court.refusalOf(claim);
  }

  async dispose(): Promise<void> {
    try {
      await this.#court.dispose();
    } finally {
      await this.#sums?.dispose();
    }
  }

  get workers(): readonly WorkerLink[] {
    return this.#registry.links;
  }

  get view(): SchedulerView {
    const current = this.#current;
    return {
      round: this.#round,
      registry: this.#registry,
      arrivals: this.arrivals,
      shards: current?.shards ?? [],
      silentMs: current?.silentMs ?? 0,
      msPerSample: this.#pace.medianMsPerSample,
    };
  }

  /** A worker is ready for work. */
  join(link: WorkerLink): void {
    const isFirst = this.workers.length === 0;
    const others = [...this.#registry.values()];
    const entry = this.#registry.add(link, this.#pace.medianMsPerSample ?? SUPPOSED_MS_PER_SAMPLE);
    this.#probation.join(entry, others);
    this.arrivals.came();
    const { engine, device } = link.place;
    const { name: worker, numericClass, slots } = link;
    this.#event({ type: 'joined', worker, engine, device, class: numericClass, slots });
    if (this.#current) {
      // Until now nobody could have made progress.
      if (isFirst) this.#current.progressed();
      link.setWeights(this.#current.weights);
    }
    this.#distribution.distribute();
  }

  /** A worker is gone; what it held goes to others. */
  leave(link: WorkerLink, cause: string, state: 'left' | 'quarantined' = 'left'): void {
    const entry = this.#registry.get(link);
    if (!entry) return;
    this.#registry.remove(entry, { state, cause });
    this.#probation.leave(entry);
    this.#event({ type: 'left', worker: link.name, cause });
    this.#distribution.release(entry, entry.heldShards, cause);
    this.#distribution.distribute();
  }

  /** Sends a worker away for good, at a user's wish. @returns whether there is such a worker */
  drop(name: string, cause: string): boolean {
    const link = this.workers.find((each) => each.name === name);
    if (!link) return false;
    this.leave(link, cause);
    link.dismiss(cause);
    return true;
  }

  /**
   * The run goes back: all workers are sent away and come again, as what they have and what they owe is of rounds that come again.
   * Between two rounds.
   * @returns for whom
   */
  goBack(): Taint {
    const { taint } = this.#court;
    if (!taint) throw new Error('there is nothing to go back for');
    this.#distribution.ahead = [];
    for (const link of this.workers) {
      this.leave(link, 'the run goes back');
      link.restart('the run goes back');
    }
    return taint;
  }

  /** The run stands where so many steps are done. */
  wentBackTo(steps: number): void {
    this.#court.absolve();
    this.#audit?.wentBackTo(steps);
  }

  /**
   * Computes one round. One round at a time.
   * @param ahead the shards of the next round, for workers that have nothing else to do
   * @throws GantryError E_DIVERGED if a shard's gradients are not finite, and a second answer and the referee confirm it; E_TIMEOUT if
   *   `signal` aborts while there is no worker, or the round is not done `stopWithinMs` later; TaintedError if a worker has lied, and may have in an earlier round
   */
  async runRound(
    weights: PublishedWeights,
    shards: readonly PlannedUnit[],
    ahead: readonly PlannedUnit[],
    signal: AbortSignal,
    stopWithinMs = Infinity,
  ): Promise<RoundResult> {
    const { taint } = this.#court;
    if (taint) throw new TaintedError(taint.cause);
    if (this.#root) this.#freeVectors.push(this.#root);
    this.#root = undefined;
    const prepared = this.#distribution.ahead;
    const stateOf = (work: PlannedUnit) => new UnitState(work, this.#audit?.picks(work));
    this.#distribution.ahead = ahead.map(stateOf);
    this.#round = weights.round;
    const states = shards.map((work) => prepared.find((shard) => sameShard(shard.work, work)) ?? stateOf(work));
    const free = this.#freeVectors;
    const failed = (error: GantryError) => current.fail(error);
    const sums = this.#sums?.begin(states.length, free, failed) ?? new ReductionTree(states.length, free);
    const current = new RoundInProgress(weights, states, sums, free, this.#audit !== undefined);
    this.#current = current;
    const watch = setInterval(() => this.#watch(current, signal), WATCH_MS);
    let stopping: NodeJS.Timeout | undefined;
    const stop = () => {
      if (stopWithinMs <= LONGEST_TIMER_MS) stopping = setTimeout(() => this.#giveUp(current), stopWithinMs);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      // Where weights leave in turn, those come first that have something to compute.
      const isIdle = (entry: RegisteredWorker) => Number(entry.heldOf(weights.round).length === 0);
      for (const entry of [...this.#registry.values()].toSorted((a, b) => isIdle(a) - isIdle(b))) {
        entry.beginRound(this.#pace.medianMsPerSample);
        // Who is late has to answer from the weights that it has.
        if (!entry.isLate && !this.#probation.isTrying(entry)) entry.link.setWeights(weights);
        const cause = hindrance(entry);
        if (cause) this.#distribution.spare(entry, weights.round, cause);
      }
      this.#distribution.distribute();
      const result = await current.result;
      this.#root = result.root;
      return result;
    } finally {
      clearInterval(watch);
      clearTimeout(stopping);
      signal.removeEventListener('abort', stop);
      this.#current = undefined;
    }
  }

  /** The weights of the round are on their last way to a worker that was behind, or on their way to one that waited for its turn. */
  caughtUp(link: WorkerLink): void {
    const entry = this.#registry.get(link);
    if (!entry) return;
    // Before others look for what nobody has begun.
    entry.noteStarts(this.#round, performance.now());
    this.#distribution.distribute();
  }

  /** A worker has computed a shard that it will answer together with others. */
  computed(link: WorkerLink, { round, index, computeMs, waitMs }: ShardComputed): void {
    const entry = this.#registry.get(link);
    if (!entry) return;
    if (!entry.announced(round, index)) {
      const problem = `${link.name} was not given shard ${index} of round ${round} to compute, or not once more`;
      this.#invalid(entry, new GantryError('E_NOT_ASSIGNED', problem));
      return;
    }
    const current = this.#current;
    if (round !== current?.round) return;
    const now = performance.now();
    const shard = entry.computed(round, index, { computeMs, waitMs, atMs: now });
    // Where it was taken back meanwhile, the worker will hear of it.
    if (!shard) return;
    this.#measure(entry, shard, now);
    current.progressed();
    this.#distribution.distribute();
  }

  /** A worker has computed some batches of a unit. That it no longer has that unit is not held against it: it may be late news. */
  progress(link: WorkerLink, { round, index, batches }: UnitProgress): void {
    const entry = this.#registry.get(link);
    if (!entry) return;
    if (!entry.reported(round, index)) {
      const problem = `${link.name} was not given unit ${index} of round ${round}, or said of more batches than it has that they are done`;
      this.#invalid(entry, new GantryError('E_NOT_ASSIGNED', problem));
      return;
    }
    this.#probation.progressed(entry, round, index);
    const before = entry.progressed(round, index, batches, performance.now());
    if (before === undefined || round !== this.#current?.round) return;
    // Once for each unit, as where it is answered: one worker that tells much must not say what is usual.
    if (before === 0) this.#pace.record(entry.msPerSample);
    this.#current.progressed();
    const isDone = entry.heldOf(round).some((held) => held.shard.work.index === index && isAllDone(held));
    if (isDone) this.#distribution.distribute();
  }

  /** A worker's answer; one that it should not have sent counts against it. */
  result(link: WorkerLink, result: NodeResult): void {
    const entry = this.#registry.get(link);
    if (!entry) return;
    const { round, level, index } = result;
    const current = this.#current;
    const indices = Array.from({ length: 2 ** level }, (_, i) => index * 2 ** level + i);
    const wasLate = entry.isLate;
    const wrong = indices.filter((shard) => !entry.answered(round, shard));
    if (wrong.length > 0) {
      const code = round < this.#round ? 'E_STALE_STEP' : 'E_NOT_ASSIGNED';
      const shards = `shard${wrong.length > 1 ? 's' : ''} ${wrong.slice(0, 4).join(', ')}`;
      this.#distribution.release(
        entry,
        this.#heldAmong(entry, round, indices),
        'it was in a sum with a shard of someone else',
      );
      this.#invalid(entry, new GantryError(code, `${link.name} was not given ${shards} of round ${round}`));
    } else if (this.#probation.answered(entry, result)) {
      // It counts for nothing else.
    } else if (round === current?.round) {
      const shards = indices.flatMap((shard) => current.shards[shard] ?? []);
      this.#answer(current, shards, entry, result);
    } else if (round > this.#round) {
      const early = new GantryError('E_STALE_STEP', `round ${round} has no weights yet`);
      this.#refuse(entry, this.#heldAmong(entry, round, indices), early);
    }
    // What remains came too late for its round, and that is nobody's fault.
    if (wasLate) this.#bringUpToDate(entry, round);
    this.#distribution.distribute();
  }

  /** A worker says that something went wrong, where it concerns a shard with this one. */
  failure(link: WorkerLink, error: GantryError, round?: number, index?: number): void {
    const entry = this.#registry.get(link);
    if (!entry) return;
    const shard = entry.heldShards.find(({ work }) => work.round === round && work.index === index);
    const wasLate = entry.isLate;
    if (round !== undefined && index !== undefined) entry.answered(round, index);
    if (shard) this.#distribution.release(entry, [shard], error.message);
    this.#probation.gaveUp(entry, round, index);
    if (wasLate && round !== undefined) this.#bringUpToDate(entry, round);
    this.#invalid(entry, error);
    this.#distribution.distribute();
  }

  /** A worker broke the protocol, and its connection ends: that counts like an invalid result. */
  violation(link: WorkerLink, error: GantryError): void {
    if (!this.#registry.get(link)) return;
    const quarantined = this.quarantine.blame(link, error);
    this.leave(link, `${error.message} [${error.code}]`, quarantined ? 'quarantined' : 'left');
  }

  /** A worker that was late has answered a shard of a round: it may have no weights of later ones. */
  #bringUpToDate(entry: RegisteredWorker, round: number): void {
    const current = this.#current;
    if (entry.isLate || entry.departure || !current || current.round === round) return;
    // It may have been late because of its connection: it gets work once it has these.
    entry.link.setWeights(current.weights, true);
  }

  #answer(current: RoundInProgress, shards: readonly UnitState[], entry: RegisteredWorker, result: NodeResult): void {
    const { level, samples } = result;
    const receivedMs = performance.now();
    const expected = shards.reduce((total, shard) => total + shard.samples, 0);
    if (samples !== expected) {
      const problem = `${samples} samples where the shard${shards.length > 1 ? 's have' : ' has'} ${expected}`;
      this.#refuse(entry, shards, new GantryError('E_BAD_SHAPE', problem));
      return;
    }
    if (!isUsable(result)) {
      this.#notFinite(current, shards, entry);
      return;
    }
    const times = new Map(shards.map((shard) => [shard, entry.computedOf(shard)]));
    for (const shard of shards) if (!times.get(shard)) this.#measure(entry, shard, receivedMs);
    for (const shard of shards) entry.take(shard);
    const covered = shards.find(({ accepted }) => accepted);
    if (covered && level === 0) {
      this.#compare(current, covered, entry, result.sum);
      return;
    }
    if (level > 0 && (this.#audit || shards.some(({ isShared }) => isShared))) {
      this.#refuse(entry, shards, new GantryError('E_NOT_ASSIGNED', 'a sum of shards that were asked for one by one'));
      return;
    }
    if (covered) {
      this.#distribution.release(
        entry,
        shards,
        `it was in a sum with shard ${covered.work.index}, which another worker answered`,
      );
      return;
    }
    const [shard] = shards;
    if (this.#audit && shard) {
      // What came belongs to the connection.
      const own = { ...result, sum: current.copyOf(result.sum), encoded: undefined };
      const opinion = opinionOf(entry, own, times.get(shard), receivedMs);
      if (shard.isAudited) this.#court.hear(current, shard, opinion);
      else this.#court.trust(current, shard, opinion);
      return;
    }
    this.#accept(current, entry, shards, result, times, receivedMs);
  }

  #accept(current: RoundInProgress, ...[entry, shards, result, ...more]: Parameters<RoundInProgress['accept']>): void {
    for (const shard of shards.filter(({ isShared }) => isShared)) {
      this.#probation.counted(shard, entry.link, result.sum);
    }
    current.accept(entry, shards, result, ...more);
    this.quarantine.accepted(entry.link.identity);
    if (current.isComplete) this.#current = undefined;
  }

  #measure(entry: RegisteredWorker, shard: UnitState, now: number): void {
    entry.measured(shard.samples, entry.timeOn(shard, now));
    this.#pace.record(entry.msPerSample);
  }

  #heldAmong(entry: RegisteredWorker, round: number, indices: readonly number[]): readonly UnitState[] {
    return entry.heldShards.filter(({ work }) => work.round === round && indices.includes(work.index));
  }

  /** A second answer to a shard: between workers of one numeric class it must have the same bits. */
  #compare(current: RoundInProgress, shard: UnitState, entry: RegisteredWorker, contribution: Float32Array): void {
    const { worker: first, hash } = shard.accepted ?? {};
    if (!first || hash === undefined) return;
    const equal = hash === hashOf(contribution);
    const workers = [first.link.name, entry.link.name];
    this.#event({ type: 'compared', shard: shard.work.index, workers, equal });
    if (equal) return;
    if (shard.isAudited) {
      void this.#court.reconsider(current, shard, { link: entry.link, sum: contribution.slice() }, first.link);
    } else if (first.link.numericClass === entry.link.numericClass) {
      const cause = `${workers.join(' and ')} are of one numeric class and gave different bits: one of them computes wrongly`;
      this.#event({ type: 'bits-differ', shard: shard.work.index, workers, cause });
    }
  }

  #notFinite(current: RoundInProgress, shards: readonly UnitState[], entry: RegisteredWorker): void {
    const confirmed = shards.filter((shard) => {
      const failed = (link: WorkerLink) => shard.wasNonFiniteAt(link);
      // Where nobody else is there, a worker's second answer has to do for a second opinion.
      return shard.nonFiniteAt.length > 0 && (!failed(entry.link) || this.workers.every(failed));
    });
    for (const shard of shards) shard.nonFinite(entry.link);
    this.#refuse(entry, shards, new GantryError('E_NON_FINITE', `a gradient that is not finite, or beyond ${LIMIT}`));
    for (const shard of confirmed) if (!shard.accepted) void this.#court.judge(current, shard);
  }

  /** Does not accept an answer: the shards go to other workers. */
  #refuse(entry: RegisteredWorker, shards: readonly UnitState[], error: GantryError): void {
    this.#distribution.release(entry, shards, error.message);
    this.#invalid(entry, error);
  }

  #invalid({ link }: RegisteredWorker, error: GantryError): void {
    const quarantined = this.quarantine.blame(link, error);
    if (!quarantined) {
      link.refuse(error);
      return;
    }
    this.leave(link, 'quarantined', 'quarantined');
    link.drop(quarantined);
  }

  /** Keeps a worker out for what it did, under all names that it has. */
  #expel(identity: string, error: GantryError): void {
    this.quarantine.ban(identity);
    for (const link of this.workers.filter((each) => each.identity === identity)) {
      this.#event({ type: 'quarantined', worker: link.name, cause: error.message });
      this.leave(link, 'quarantined', 'quarantined');
      link.drop(error);
    }
  }

  /** Nobody waits for a round any more, nor for the next one. */
  #giveUp(current: RoundInProgress): void {
    for (const entry of this.#registry.values()) {
      for (const shard of entry.heldShards) {
        entry.take(shard);
        entry.link.cancel(shard.work.round, shard.work.index);
      }
    }
    current.fail(new GantryError('E_TIMEOUT', 'stopped, and the round was given up'));
  }

  #watch(current: RoundInProgress, signal: AbortSignal): void {
    if (current.isComplete) return;
    if (signal.aborted && this.#registry.size === 0) {
      current.fail(new GantryError('E_TIMEOUT', 'stopped while there was no worker'));
    }
    this.#distribution.watchLateness(current, performance.now());
    if (this.#registry.size > 0) {
      for (const stall of current.takeStalls(() => describeStalls(this.view))) this.#event({ type: 'stall', ...stall });
      return;
    }
    const { wait } = this.arrivals;
    if (!current.takeWait(wait)) return;
    const { cause, remedy } = wait;
    this.#event({ type: 'waiting', cause, ...(remedy !== undefined && { remedy }) });
  }

  #event(event: RunEvent): void {
    this.#onEvent(event);
  }
}

/** Why it will be long until a worker has the weights of a round that begins; undefined if it will not. */
function hindrance({ isLate, link }: RegisteredWorker): string | undefined {
  if (isLate) return 'it is late with a shard of an earlier round';
  return link.isBehind() ? 'it is still receiving the weights of an earlier round' : undefined;
}

function sameShard(a: PlannedUnit, b: PlannedUnit): boolean {
  return a.round === b.round && a.index === b.index;
}
