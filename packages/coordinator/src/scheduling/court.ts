import { randomInt } from 'node:crypto';
import { GantryError, allUsable, samplesIn, type RunEvent } from '@gantry/core';
import { TaintedError, type Audit } from './audit.ts';
import { areAlike, opinionOf, type Answer, type Opinion } from './answers.ts';
import type { PublishedWeights } from './published-weights.ts';
import { refereeLink, type Referee } from './referee.ts';
import type { RoundInProgress } from './round-in-progress.ts';
import type { UnitState } from './unit-state.ts';
import type { WorkerLink } from './worker-link.ts';
import { RegisteredWorker } from './worker-registry.ts';

/** As many digits of a numeric class as people are shown. */
const CLASS_DIGITS = 8;

export interface CourtOptions {
  readonly audit: Audit | undefined;
  readonly startReferee: (() => Promise<Referee>) | undefined;
  readonly onEvent: (event: RunEvent) => void;
  /** Whether a round is under way. */
  readonly isCurrent: (round: RoundInProgress) => boolean;
  readonly accept: (current: RoundInProgress, ...accepted: Parameters<RoundInProgress['accept']>) => void;
  readonly give: (entry: RegisteredWorker, shard: UnitState) => void;
  /** Counts an invalid result. */
  readonly invalid: (entry: RegisteredWorker, error: GantryError) => void;
  /** Keeps a worker out for good. */
  readonly expel: (identity: string, error: GantryError) => void;
  /** Gives out what waits for a worker. */
  readonly distribute: () => void;
}

/**
 * Decides what counts where answers need confirmation or contradict each other. The last word is what the coordinator itself
 * computes, with an engine that is started when it is first needed.
 */
export class Court {
  readonly #options: CourtOptions;
  #referee: Promise<Referee> | undefined;
  /** Of the shards that need confirmation. */
  readonly #opinions = new WeakMap<UnitState, readonly Opinion[]>();
  /** What all workers have to compute like, where they are audited. */
  #model: Referee | undefined;

  constructor(options: CourtOptions) {
    this.#options = options;
  }

  /** @throws GantryError E_ENGINE if workers are to be audited, and the coordinator cannot compute */
  async prepare(): Promise<void> {
    if (!this.#options.audit) return;
    this.#model = await this.#getReferee();
    if (!this.#model) throw new GantryError('E_ENGINE', 'nothing can compute here');
  }

  /** Why workers of a numeric class cannot take part; undefined if they can. */
  refusalOf(numericClass: string): GantryError | undefined {
    if (!this.#model || this.#model.numericClass === numericClass) return undefined;
    const { engine } = this.#model;
    const [own, theirs] = [this.#model.numericClass, numericClass].map((each) => each.slice(0, CLASS_DIGITS));
    return new GantryError(
      'E_AUDIT',
      `this run audits its workers, and its coordinator (${engine} engine, class ${own}) gets other bits than this worker ` +
        `(class ${theirs}): attach it with --engine ${engine}, on a processor like the coordinator's`,
    );
  }

  /** An answer counts though nothing confirms it. */
  trust(current: RoundInProgress, shard: UnitState, opinion: Opinion): void {
    const { audit } = this.#options;
    audit?.trusted(opinion.worker.link.identity, { round: current.round, step: stepOf(shard) - 1 });
    this.#count(current, shard, opinion);
  }

  /** An answer to a shard that is audited: it counts once another one has the same bits, or the coordinator finds them. */
  hear(current: RoundInProgress, shard: UnitState, opinion: Opinion): void {
    const [first] = this.#opinionsOn(shard);
    this.#opinions.set(shard, [...this.#opinionsOn(shard), opinion]);
    shard.hears(opinion.worker.link.identity);
    current.progressed();
    if (!first) return;
    if (areAlike(first, opinion)) this.#rule(current, shard, first);
    else void this.judge(current, shard);
  }

  /** A worker has answered an audited shard after its answer was known, and with something else. @param other who gave that */
  convict(current: RoundInProgress, shard: UnitState, liar: RegisteredWorker, other: WorkerLink): void {
    this.#options.expel(liar.link.identity, this.#takeBack(current, shard, liar, other));
  }

  /** Has an audited shard computed once more: by any other worker, or where there is none, by the coordinator. */
  giveSecond(current: RoundInProgress, shard: UnitState, workers: readonly RegisteredWorker[]): void {
    const others = workers.filter((entry) => shard.isNewTo(entry));
    // Nobody shall be able to foresee whose answer is compared with whose.
    const second = others.length > 0 ? others[randomInt(others.length)] : undefined;
    if (second) this.#options.give(second, shard);
    else if (shard.isHeard) void this.judge(current, shard);
  }

  /** Has the coordinator compute a shard on which workers contradict each other, or find that training has diverged. */
  async judge(current: RoundInProgress, shard: UnitState): Promise<void> {
    if (shard.isJudged) return;
    shard.isJudged = true;
    const truth = await this.#opinionOn(shard, current.weights);
    shard.isJudged = false;
    if (!this.#options.isCurrent(current) || shard.accepted) return;
    const workers = shard.nonFiniteAt;
    if (!truth && workers.length === 0) this.#dismiss(shard);
    else if (!truth) current.fail(diverged(shard, workers));
    else if (!allUsable(truth.sum)) current.fail(diverged(shard, [...workers, 'the coordinator']));
    else {
      if (workers.length > 0) {
        const cause = `${workers.join(' and ')} found gradients that are not finite, and the coordinator did not`;
        this.#options.onEvent({ type: 'overruled', shard: shard.work.index, workers, cause });
      }
      this.#rule(current, shard, truth);
    }
    this.#options.distribute();
  }

  /** A newcomer and a worker whose answer counts contradict each other: what the coordinator finds decides whose fault it is. */
  async settle(
    current: RoundInProgress,
    shard: UnitState,
    newcomer: RegisteredWorker,
    own: Answer,
    counted: Answer,
  ): Promise<void> {
    const { onEvent, invalid, expel, isCurrent } = this.#options;
    const truth = await this.#opinionOn(shard, current.weights);
    if (!truth) {
      const workers = [own.link.name, counted.link.name];
      const cause = `${workers.join(' and ')} gave different answers, and nothing can compute here to tell which is right`;
      onEvent({ type: 'bits-differ', shard: shard.work.index, workers, cause });
      return;
    }
    if (!areAlike(own, truth) || areAlike(counted, truth)) {
      const problem = `its first answer, to shard ${shard.work.index}, is not what the coordinator computed`;
      invalid(newcomer, new GantryError('E_WRONG_RESULT', problem));
      return;
    }
    const [worker, step] = [counted.link.name, stepOf(shard)];
    const cause = `its answer to shard ${shard.work.index} of step ${step} is not what the coordinator computed`;
    const taint = { worker, first: step, last: step };
    onEvent({ type: 'lied', ...taint, shard: shard.work.index, cause });
    if (isCurrent(current)) current.fail(new TaintedError(taint, cause));
    else onEvent({ type: 'tainted', ...taint });
    expel(counted.link.identity, new GantryError('E_QUARANTINED', cause));
  }

  async dispose(): Promise<void> {
    const referee = await this.#referee?.catch(() => undefined);
    await referee?.dispose();
  }

  #opinionsOn(shard: UnitState): readonly Opinion[] {
    return this.#opinions.get(shard) ?? [];
  }

  #forget(shard: UnitState, identity: string): void {
    this.#opinions.set(
      shard,
      this.#opinionsOn(shard).filter(({ worker }) => worker.link.identity !== identity),
    );
    shard.forgets(identity);
  }

  async #getReferee(): Promise<Referee | undefined> {
    this.#referee ??= this.#options.startReferee?.();
    return this.#referee;
  }

  /** @returns undefined where the coordinator cannot compute */
  async #opinionOn({ work }: UnitState, weights: PublishedWeights): Promise<Opinion | undefined> {
    // The round may be over before the answer is there.
    const release = weights.hold();
    try {
      const referee = await this.#getReferee();
      if (!referee) return undefined;
      const sum = await referee.compute(weights.values, work);
      const { round, index } = work;
      const result = { round, level: 0, index, sum, samples: samplesIn(work), computeMs: 0, waitMs: 0 };
      return opinionOf(new RegisteredWorker(refereeLink(referee), 0), result, undefined, performance.now());
    } catch {
      return undefined;
    } finally {
      release();
    }
  }

  #count(current: RoundInProgress, shard: UnitState, { worker, result, computed, receivedMs }: Opinion): void {
    this.#options.accept(current, worker, [shard], result, new Map([[shard, computed]]), receivedMs);
  }

  /** What is true of a shard is known: it counts, and whoever has said something else has lied. */
  #rule(current: RoundInProgress, shard: UnitState, truth: Opinion): void {
    const { audit } = this.#options;
    const opinions = this.#opinionsOn(shard);
    const honest = opinions.filter((each) => areAlike(each, truth));
    const liars = opinions.filter((each) => !honest.includes(each)).map(({ worker }) => worker);
    for (const { worker } of honest) audit?.confirmed(worker.link.identity);
    // Before this shard may complete the round.
    const lies = liars.map((liar) => [liar, this.#takeBack(current, shard, liar, truth.worker.link)] as const);
    this.#count(current, shard, honest[0] ?? truth);
    this.#opinions.delete(shard);
    for (const [{ link }, error] of lies) this.#options.expel(link.identity, error);
  }

  /** A worker has lied: what is known of it does not count any more, or the run has to go back. */
  #takeBack(current: RoundInProgress, shard: UnitState, liar: RegisteredWorker, other: WorkerLink): GantryError {
    const { audit, onEvent } = this.#options;
    const { identity, name: worker } = liar.link;
    const step = stepOf(shard);
    const since = audit?.unconfirmedSince(identity) ?? { round: current.round, step: step - 1 };
    const cause = `its answer to shard ${shard.work.index} of step ${step} is not what ${other.name} computed`;
    const taint = { worker, first: since.step + 1, last: step };
    onEvent({ type: 'lied', ...taint, shard: shard.work.index, cause });
    for (const each of current.shards) this.#forget(each, identity);
    current.retract(identity);
    if (since.round < current.round) {
      if (audit?.options.action === 'mark') onEvent({ type: 'tainted', ...taint });
      else current.fail(new TaintedError(taint, cause));
    }
    return new GantryError('E_QUARANTINED', cause);
  }

  /** Nobody can tell which of the answers to a shard is right: others have to give new ones. */
  #dismiss(shard: UnitState): void {
    const opinions = this.#opinionsOn(shard);
    const error = new GantryError(
      'E_WRONG_RESULT',
      'two answers differ, and the coordinator cannot compute the shard itself',
    );
    for (const { worker } of opinions) {
      this.#forget(shard, worker.link.identity);
      this.#options.invalid(worker, error);
    }
  }
}

function diverged(shard: UnitState, workers: readonly string[]): GantryError {
  const found = `${workers.join(' and ')} found gradients that are not finite`;
  return new GantryError('E_DIVERGED', `training diverged in step ${stepOf(shard)}: ${found}`);
}

/** The step of a shard, from 1, as people count. */
function stepOf({ work }: UnitState): number {
  return (work.batches[0]?.step ?? 0) + 1;
}
