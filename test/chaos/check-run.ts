import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CheckpointStore,
  weightsDigest,
  type MetricsLine,
  type RunJson,
  type Summary,
  type WorkLine,
} from '@gantry/coordinator';
import {
  LocalSteps,
  Synchronous,
  batchOf,
  samplesIn,
  stepsPerEpoch,
  totalSteps,
  type DataPlan,
  type ModelManifest,
  type RecordedEvent,
  type Scheme,
} from '@gantry/core';
import { modelManifest } from '@gantry/models';

export interface CheckedRun {
  readonly steps: number;
  readonly epochs: number;
  /** As the summary says and the newest checkpoint confirms. */
  readonly weightsDigest: string;
  /** How many events there are of each type. */
  readonly events: ReadonlyMap<string, number>;
  /** What is wrong, a line each; none for a good run. */
  readonly violations: readonly string[];
}

/** What no run may record, whatever befalls it. Its workers are alike: another class than theirs is that of a rogue. */
const FORBIDDEN_EVENTS = ['diverged', 'bits-differ', 'classes-mixed'];

/**
 * Checks a finished run by nothing but its files: every step once and in order, every sample of every epoch in exactly
 * one accepted node, and a final state that is there to be loaded.
 * @param path of the run directory
 * @throws Error if run.json or summary.json is missing or cannot be read
 */
export async function checkRun(path: string): Promise<CheckedRun> {
  const violations: string[] = [];
  const violated = (text: string) => void violations.push(text);
  const { config, data } = readJson<RunJson>(path, 'run.json');
  const plan = { ...config, images: data.images };
  const manifest = modelManifest(config.model);
  const summary = readJson<Summary>(path, 'summary.json');
  const events = readLines<RecordedEvent>(path, 'events.jsonl', violated);
  checkMetrics(readLines<MetricsLine>(path, 'metrics.jsonl', violated), plan, violated);
  checkWork(readLines<WorkLine>(path, 'work.jsonl', violated), plan, schemeIn(config, plan, manifest), violated);
  checkEvents(events, violated);
  checkSummary(summary, plan, violated);
  await checkFinalState(path, manifest, summary, violated);
  const { steps, epochs } = summary;
  return { steps, epochs, weightsDigest: summary.weightsDigest, events: countByType(events), violations };
}

function schemeIn(config: RunJson['config'], plan: DataPlan, manifest: ModelManifest): Scheme {
  const { localSteps, localStepsFrom: fromEpoch } = config;
  const options = { ...config, plan, manifest, samples: plan.images };
  return localSteps > 1 ? new LocalSteps({ ...options, localSteps, fromEpoch }) : new Synchronous(options);
}

type Violated = (text: string) => void;

function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}

/** The lines of a file, of which each must be whole, and none of an earlier step than the one before. */
function readLines<T extends { readonly step: number }>(path: string, name: string, violated: Violated): T[] {
  const texts = readFileSync(join(path, name), 'utf8').split('\n');
  if (texts.pop() !== '') violated(`${name}: the last line is torn`);
  const lines: T[] = [];
  for (const [i, text] of texts.entries()) {
    const line = parse<T>(text);
    if (!line) {
      violated(`${name}, line ${i + 1}: not JSON with a step`);
      continue;
    }
    const before = lines.at(-1)?.step ?? 0;
    if (line.step < before) violated(`${name}, line ${i + 1}: step ${line.step} after step ${before}`);
    lines.push(line);
  }
  return lines;
}

function parse<T extends { readonly step: number }>(text: string): T | undefined {
  try {
    const line = JSON.parse(text) as T;
    return Number.isSafeInteger(line.step) ? line : undefined;
  } catch {
    return undefined;
  }
}

function checkMetrics(lines: readonly MetricsLine[], plan: DataPlan, violated: Violated): void {
  const steps = totalSteps(plan);
  if (lines.length !== steps) violated(`metrics.jsonl: ${lines.length} lines for ${steps} steps`);
  for (const [i, { step, epoch }] of lines.entries()) {
    const before = lines[i - 1]?.step ?? 0;
    if (step !== before + 1) violated(`metrics.jsonl, line ${i + 1}: step ${step} after step ${before}`);
    const expected = batchOf(step - 1, plan).epoch + 1;
    if (epoch !== expected) violated(`metrics.jsonl, step ${step}: epoch ${epoch} where it is of epoch ${expected}`);
  }
}

function checkWork(lines: readonly WorkLine[], plan: DataPlan, scheme: Scheme, violated: Violated): void {
  const byStep = groupBySteps(lines);
  const steps = totalSteps(plan);
  for (const step of byStep.keys()) {
    if (step < 1 || step > steps) violated(`work.jsonl: step ${step} of a run of ${steps} steps`);
  }
  const samplesByEpoch = new Map<number, number>();
  for (let round = 0; round < scheme.rounds; round++) {
    const units = scheme.units(round).map((unit) => ({ index: unit.index, samples: samplesIn(unit) }));
    // What is done in a round is recorded with its last step.
    const step = Math.max(...scheme.units(round).flatMap(({ batches }) => batches.map((batch) => batch.step))) + 1;
    const nodes = byStep.get(step) ?? [];
    checkNodes(step, nodes, units, violated);
    const samples = units.reduce((sum, unit) => sum + unit.samples, 0);
    const inNodes = nodes.reduce((sum, node) => sum + node.samples, 0);
    if (inNodes !== samples) violated(`work.jsonl, step ${step}: ${inNodes} samples in a batch of ${samples}`);
    const { epoch } = batchOf(step - 1, plan);
    samplesByEpoch.set(epoch, (samplesByEpoch.get(epoch) ?? 0) + inNodes);
  }
  for (const [epoch, samples] of samplesByEpoch) {
    if (samples !== plan.images) {
      violated(`work.jsonl, epoch ${epoch + 1}: ${samples} samples where there are ${plan.images}`);
    }
  }
}

function groupBySteps(lines: readonly WorkLine[]): Map<number, WorkLine[]> {
  const groups = new Map<number, WorkLine[]>();
  for (const line of lines) {
    const group = groups.get(line.step);
    if (group) group.push(line);
    else groups.set(line.step, [line]);
  }
  return groups;
}

/** A unit of a round. */
interface UnitSize {
  readonly index: number;
  readonly samples: number;
}

/** A node stands for all shards below it; each shard of the step has to be below exactly one. */
function checkNodes(step: number, nodes: readonly WorkLine[], shards: readonly UnitSize[], violated: Violated): void {
  const taken = new Set<number>();
  for (const { node, samples } of nodes) {
    const [level, index] = node;
    const name = `work.jsonl, step ${step}, node [${node.join()}]`;
    const below = shards.slice(index * 2 ** level, (index + 1) * 2 ** level);
    if (below.length === 0) violated(`${name}: not in a tree of ${shards.length} shards`);
    const expected = below.reduce((sum, shard) => sum + shard.samples, 0);
    if (samples !== expected) violated(`${name}: ${samples} samples where there are ${expected}`);
    for (const shard of below) {
      if (taken.has(shard.index)) violated(`${name}: shard ${shard.index} counts twice`);
      taken.add(shard.index);
    }
  }
  for (const { index } of shards) {
    if (!taken.has(index)) violated(`work.jsonl, step ${step}: shard ${index} does not count`);
  }
}

function checkEvents(events: readonly RecordedEvent[], violated: Violated): void {
  if (events[0]?.type !== 'started') violated('events.jsonl: does not begin with the start');
  const finishes = events.filter(({ type }) => type === 'finished').length;
  if (finishes !== 1) violated(`events.jsonl: finished ${finishes} times`);
  for (const { type, step, cause } of events) {
    if (FORBIDDEN_EVENTS.includes(type)) violated(`events.jsonl, step ${step}: ${type}: ${String(cause)}`);
  }
}

function checkSummary({ steps, epochs }: Summary, plan: DataPlan, violated: Violated): void {
  if (epochs !== plan.epochs) violated(`summary.json: ${epochs} epochs where run.json has ${plan.epochs}`);
  const expected = epochs * stepsPerEpoch(plan);
  if (steps !== expected) violated(`summary.json: ${steps} steps where ${epochs} epochs have ${expected}`);
}

async function checkFinalState(
  path: string,
  manifest: ModelManifest,
  summary: Summary,
  violated: Violated,
): Promise<void> {
  const checkpoints = await CheckpointStore.open(path, manifest);
  const restored = await checkpoints.restore();
  for (const reason of restored?.skipped ?? []) violated(`checkpoints: ${reason}`);
  if (!restored) return violated('checkpoints: there is none');
  const { step } = restored.state;
  if (step !== summary.steps) return violated(`checkpoints: the newest is of step ${step}, not ${summary.steps}`);
  const digest = weightsDigest(restored.state);
  if (digest !== summary.weightsDigest) {
    violated(`checkpoints: the newest has the digest ${digest}, the summary says ${summary.weightsDigest}`);
  }
}

function countByType(events: readonly RecordedEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}
