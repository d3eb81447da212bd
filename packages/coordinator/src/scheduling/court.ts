import { randomInt } from 'node:crypto';
import { GantryError, allUsable, samplesIn, type PlannedUnit, type RunEvent } from '@gantry/core';
import { TaintedError, type Audit, type Taint } from './audit.ts';
import { areAlike, opinionOf, type Answer, type Opinion } from './answers.ts';
import type { PublishedWeights } from './published-weights.ts';
import type { ClaimedClass, ClassNames } from './class-names.ts';
import { refereeLink, type Referee } from './referee.ts';
import type { RoundInProgress } from './round-in-progress.ts';
import type { UnitState } from './unit-state.ts';
import type { WorkerLink } from './worker-link.ts';
import { RegisteredWorker } from './worker-registry.ts';

export interface CourtOptions {
  readonly audit: Audit | undefined;
  readonly classNames: ClassNames;
  readonly startReferee: (() => Promise<Referee>) | undefined;
  readonly onEvent: (event: RunEvent) => void;
  /** The round under way. */
  readonly current: () => RoundInProgress | undefined;
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
  /** The earliest that the run has to go back for. */
  #taint: Taint | undefined;
  /** Whether a newcomer's case is heard: there may be many, and one is enough at a time. */
  #isSettling = false;

  constructor(options: CourtOptions) {
    this.#options = options;
  }

  /** @throws GantryError E_ENGINE if workers are to be audited, and the coordinator cannot compute */
  async prepare(): Promise<void> {
    if (!this.#options.audit) return;
    this.#referee ??= this.#options.startReferee?.();
    this.#model = await this.#referee;
    if (!this.#model) throw new GantryError('E_ENGINE', 'nothing can compute here');
    // So that it has the name, and not the first worker that comes.
    this.#options.classNames.nameOf(this.#model);
  }

  /** Why workers of a numeric class cannot take part; undefined if they can. */
  refusalOf({ numericClass, probe }: ClaimedClass): GantryError | undefined {
    const own = this.#model;
    if (!own || (own.numericClass === numericClass && own.probe === probe)) return undefined;
    const { engine } = own;
    const where = engine === 'native' ? '' : ", on a processor like the coordinator's";
    return new GantryError(
      'E_AUDIT',
      `this run audits its workers, and its coordinator (class ${own.numericClass}, probe ${own.probe}) gets other bits than ` +
        `this worker (class ${numericClass}, probe ${probe}): attach it with --engine ${engine}${where}`,
    );
  }

  /** Why the run has to go back; undefined if it has not. */
  get taint(): Taint | undefined {
    return this.#taint;
  }

  /** The run has gone back. */
  absolve(): void {
    this.#taint = undefined;
  }

  /** An answer counts though nothing confirms it. */
  trust(current: RoundInProgress, shard: UnitState, opinion: Opinion): void {
    const { audit } = this.#options;
    audit?.trusted(opinion.worker.link.identity, { round: current.round, step: shard.firstStep - 1 });
    this.#count(current, shard, opinion);
  }

  /** An answer to a shard that is audited: it counts once another one has the same bits, or the coordinator finds them. */
  hear(current: RoundInProgress, shard: UnitState, opinion: Opinion): void {
    // It has been given it twice: whoever repeats itself confirms nothing.
    if (!shard.hears(opinion.link.identity)) return;
    const opinions = [...this.#opinionsOn(shard), opinion];
    this.#opinions.set(shard, opinions);
    current.progressed();
    if (opinions.length < 2 || shard.isJudged) return;
    if (opinions.every((each) => areAlike(each, opinion))) this.#rule(current, shard, opinion);
    else void this.judge(current, shard);
  }

  /** An audited shard that has an answer already gets a different one: the coordinator finds out who of the two has lied. */
  async reconsider(current: RoundInProgress, shard: UnitState, late: Answer, first: WorkerLink): Promise<void> {
    const truth = await this.#opinionOn(shard, current.weights);
    if (!truth) return;
    const liar = areAlike(late, truth) ? first : late.link;
    this.#options.expel(liar.identity, this.#takeBack(shard, liar, truth.link));
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
    if (this.#options.current() !== current || shard.accepted) return;
    const workers = shard.nonFiniteAt;
    if (!truth && workers.length > 0 && !this.#options.audit) current.fail(diverged(shard, workers));
    else if (!truth) {
      current.fail(
        new GantryError('E_ENGINE', 'the coordinator cannot compute any more, as audits ask for: resume the run'),
      );
    } else if (!allUsable(truth.sum)) current.fail(diverged(shard, [...workers, 'the coordinator']));
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
    if (this.#isSettling) return;
    this.#isSettling = true;
    const truth = await this.#opinionOn(shard, current.weights);
    this.#isSettling = false;
    const { onEvent, invalid, expel } = this.#options;
    const [isOwn, isCounted] = [own, counted].map((each) => truth && areAlike(each, truth));
    if (isOwn === isCounted && isOwn !== false) {
      // Nothing can compute here, or it is too coarse a measure.
      const workers = [own.link.name, counted.link.name];
      const cause = `${workers.join(' and ')} gave different answers, and nothing here tells which is right`;
      onEvent({ type: 'bits-differ', shard: shard.work.index, workers, cause });
      return;
    }
    if (!isOwn) {
      const problem = `its first answer, to shard ${shard.work.index}, is not what the coordinator computed`;
      invalid(newcomer, new GantryError('E_WRONG_RESULT', problem));
    }
    if (!isCounted && truth) expel(counted.link.identity, this.#takeBack(shard, counted.link, truth.link));
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

  /** Once more with another engine, where the first one fails. */
  async #compute(
    values: Float32Array,
    work: PlannedUnit,
    isRetry = false,
  ): Promise<{ referee: Referee; sum: Float32Array }> {
    const asked = (this.#referee ??= this.#options.startReferee?.());
    try {
      const referee = await asked;
      if (!referee) throw new GantryError('E_ENGINE', 'nothing can compute here');
      return { referee, sum: await referee.compute(values, work) };
    } catch (error) {
      await this.#drop(asked);
      if (isRetry || !asked) throw error;
      return this.#compute(values, work, true);
    }
  }

  /** What has failed is gone; another engine is started when one is needed. */
  async #drop(failed: Promise<Referee> | undefined): Promise<void> {
    if (this.#referee === failed) this.#referee = undefined;
    const referee = await failed?.catch(() => undefined);
    await referee?.dispose().catch(() => undefined);
  }

  /** @returns undefined where the coordinator cannot compute */
  async #opinionOn({ work }: UnitState, weights: PublishedWeights): Promise<Opinion | undefined> {
    // The round may be over before the answer is there.
    const release = weights.hold();
    try {
      const { referee, sum } = await this.#compute(weights.values, work);
      const { round, index } = work;
      const result = { round, level: 0, index, sum, samples: samplesIn(work), computeMs: 0, waitMs: 0 };
      const link = refereeLink(referee, this.#options.classNames.nameOf(referee));
      return opinionOf(new RegisteredWorker(link, 0), result, undefined, performance.now());
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
    const liars = opinions.filter((each) => !honest.includes(each));
    for (const { worker } of honest) audit?.confirmed(worker.link.identity);
    // Before this shard may complete the round.
    const lies = liars.map(({ link }) => [link, this.#takeBack(shard, link, truth.link)] as const);
    this.#count(current, shard, honest[0] ?? truth);
    this.#opinions.delete(shard);
    for (const [{ identity }, error] of lies) this.#options.expel(identity, error);
  }

  /** A worker has lied about a shard: nothing of it counts any more, and the run may have to go back. @returns what it is told */
  #takeBack(shard: UnitState, { identity, name: worker }: WorkerLink, other: WorkerLink): GantryError {
    const { audit, onEvent } = this.#options;
    const current = this.#options.current();
    const { round, index } = shard.work;
    const step = shard.firstStep;
    const unconfirmed = audit?.unconfirmedSince(identity);
    const since = unconfirmed && unconfirmed.round < round ? unconfirmed : { round, step: step - 1 };
    const cause = `its answer to shard ${index} of step ${step} is not what ${other.name} computed`;
    const taint = { worker, first: since.step + 1, last: (shard.work.batches.at(-1)?.step ?? 0) + 1 };
    onEvent({ type: 'lied', ...taint, shard: index, cause });
    for (const each of current?.shards ?? []) this.#forget(each, identity);
    current?.retract(identity);
    // Without audits, contributions are added up as they come.
    const isUndone = audit !== undefined && since.round === current?.round;
    if (!isUndone && audit?.options.action === 'mark') onEvent({ type: 'tainted', ...taint });
    else if (!isUndone) {
      if (!this.#taint || taint.first < this.#taint.first) this.#taint = { ...taint, cause };
      current?.fail(new TaintedError(cause));
    }
    // What it is told must not help it with what is computed again.
    return new GantryError('E_QUARANTINED', 'it gave an answer that is not right');
  }
}

function diverged(shard: UnitState, workers: readonly string[]): GantryError {
  const found = `${workers.join(' and ')} found gradients that are not finite`;
  return new GantryError('E_DIVERGED', `training diverged in step ${shard.firstStep}: ${found}`);
}
