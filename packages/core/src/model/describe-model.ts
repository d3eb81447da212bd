import { GantryError } from '../errors.ts';
import { Stream } from '../numerics/random.ts';
import { layOutManifest, type Draw, type ModelManifest, type PhaseInput, type PhaseManifest } from './manifest.ts';
import type { Phase, Trainable } from './model.ts';
import { gradientNormReport, type Report } from './report.ts';
import { dropoutsOf, requireSupported, variablesOf, type ModelVariable } from './network-layers.ts';

/** All variables of a model, network by network, in the order of the layers. */
export function modelVariables({ networks }: Trainable, trainable: boolean): ModelVariable[] {
  return Object.values(networks).flatMap((network) => variablesOf(network, trainable));
}

/**
 * The manifest of a model: all that others have to know of it, as data.
 * @throws GantryError E_CONFIG that names what is not supported, by network and layer
 */
export function manifestOf(model: Trainable): ModelManifest {
  for (const [name, network] of Object.entries(model.networks)) {
    if (network.name !== name) {
      throw new GantryError('E_CONFIG', `the network '${name}' is named '${network.name}': give it the same name`);
    }
    requireSupported(network);
  }
  requireSound(model);
  const streams = drawStreams(model);
  return layOutManifest({
    model: model.name,
    trainable: modelVariables(model, true).map(parameterOf),
    movingStatistics: modelVariables(model, false).map((each) => ({
      ...parameterOf(each),
      momentum: each.momentum ?? NaN,
    })),
    phases: model.phases.map((phase) => phaseManifest(model, phase, streams)),
  });
}

/** Bounds of the wire protocol, which carries the manifest. */
const MAX_TIMES = 1000;
const MAX_BATCHES_THROUGH = 16;
/** A label is one byte. */
const MAX_CLASSES = 256;
/** What the labels of samples are called among the inputs of phases. */
const LABELS = 'labels';
/** Names become those of files and of keys. */
const NAME = /^(?!__)[\w.-]{1,100}$/;

/** @throws GantryError E_CONFIG that names the part of the model that makes no sense */
function requireSound(model: Trainable): void {
  const { phases, data, draws, networks } = model;
  const fail = (problem: string) => new GantryError('E_CONFIG', `model '${model.name}': ${problem}`);
  const names = [
    ...Object.keys(networks),
    ...Object.keys(data),
    ...Object.keys(draws),
    ...phases.map(({ name }) => name),
  ];
  const wrong = [model.name, ...names].find((name) => !NAME.test(name));
  if (wrong !== undefined) throw fail(`a name is ${JSON.stringify(wrong)}: letters, digits, _, - and . are allowed`);
  if (phases.length === 0) throw fail('it has no phase');
  if (Object.keys(data).length !== 1) throw fail(`a sample is one tensor, and not ${Object.keys(data).length}`);
  const { classes } = model;
  if (classes !== undefined) {
    if (!(Number.isInteger(classes) && classes >= 2 && classes <= MAX_CLASSES)) {
      throw fail(`classes is ${classes}, and has to be a whole number from 2 to ${MAX_CLASSES}`);
    }
    if (names.includes(LABELS)) throw fail(`the name '${LABELS}' is that of the classes of its samples: take another`);
  }
  const twice = firstRepeated(phases.map(({ name }) => name));
  if (twice !== undefined) throw fail(`two phases are named '${twice}'`);
  const reported = firstRepeated(reportsOf(model).map(({ name }) => name));
  if (reported !== undefined) throw fail(`it reports '${reported}' twice`);
  for (const phase of phases) requireSoundPhase(phase, model, (problem) => fail(`phase ${phase.name}: ${problem}`));
}

function requireSoundPhase(phase: Phase, { networks }: Trainable, fail: (problem: string) => GantryError): void {
  const { times = 1, updates, batchesThrough = {}, independent = [] } = phase;
  const isWithin = (count: number, most: number) => Number.isInteger(count) && count >= 1 && count <= most;
  if (!isWithin(times, MAX_TIMES)) throw fail(`times is ${times}, and has to be a whole number from 1 to ${MAX_TIMES}`);
  if (updates.length === 0) throw fail('it updates no network');
  const twice = firstRepeated(updates);
  if (twice !== undefined) throw fail(`it updates '${twice}' twice`);
  const unknown = [...updates, ...Object.keys(batchesThrough), ...independent].find(
    (name) => !Object.hasOwn(networks, name),
  );
  if (unknown !== undefined) throw fail(`there is no network '${unknown}'`);
  for (const [name, count] of Object.entries(batchesThrough)) {
    if (isWithin(count, MAX_BATCHES_THROUGH)) continue;
    throw fail(`batchesThrough.${name} is ${count}, and has to be a whole number from 1 to ${MAX_BATCHES_THROUGH}`);
  }
  for (const name of independent) {
    const coupling = networks[name]?.layers.find((layer) => layer.getClassName() === 'BatchNormalization');
    if (!coupling) continue;
    throw fail(
      `layer ${name}/${coupling.name} (BatchNormalization): ${name} must not couple samples, as one backward pass serves several losses`,
    );
  }
}

function firstRepeated(names: readonly string[]): string | undefined {
  return names.find((name, i) => names.indexOf(name) !== i);
}

/** All numbers that a step of a model reports, and how they are shown. */
export function reportsOf({ phases, networks }: Trainable): Report[] {
  const updated = Object.keys(networks).filter((name) => phases.some(({ updates }) => updates.includes(name)));
  return [...phases.flatMap(({ reports }) => reports), ...updated.map(gradientNormReport)];
}

function parameterOf({ name, variable, initializer }: ModelVariable) {
  return { name, shape: variable.shape, initializer };
}

function phaseManifest(model: Trainable, phase: Phase, streams: ReadonlyMap<string, readonly number[]>): PhaseManifest {
  const inputs: PhaseInput[] = [
    ...Object.entries(model.data).map(([name, shape]) => ({ name, shape, from: 'data' as const })),
    ...(model.classes === undefined ? [] : [{ name: LABELS, shape: [model.classes], from: 'label' as const }]),
    ...Object.entries(model.draws).map(([name, draw]) => ({ name, ...draw, streams: streamsOf(name, streams) })),
    ...masksOf(model).map(({ network, ...mask }) => ({
      ...mask,
      streams: streamsOf(mask.name, streams).slice(0, phase.batchesThrough?.[network] ?? 1),
    })),
  ];
  const { name, times = 1, updates, reports } = phase;
  return { name, times, updates, inputs, sums: reports.map((report) => report.name) };
}

function streamsOf(name: string, streams: ReadonlyMap<string, readonly number[]>): readonly number[] {
  const found = streams.get(name);
  if (!found) throw new Error(`${name} has no streams`);
  return found;
}

type Mask = Omit<Draw & { readonly from: 'keepMask' }, 'streams'> & { readonly network: string };

/** The dropouts' masks: those of networks that judge come before those of what they judge, the last network first. */
function masksOf({ networks }: Trainable): Mask[] {
  return Object.values(networks)
    .toReversed()
    .flatMap((network) =>
      dropoutsOf(network).map(({ mask: name, shape, rate }) => {
        return { name, shape, from: 'keepMask' as const, rate, network: network.name };
      }),
    );
}

/**
 * Streams of random numbers for each draw of a model: the first draw has the noise's, the first two dropouts have two each;
 * all others have new ones, as many as batches go through the network at most.
 */
function drawStreams(model: Trainable): Map<string, readonly number[]> {
  const streams = new Map<string, readonly number[]>();
  let next: number = Stream.further;
  const furtherStreams = (count: number) => Array.from({ length: count }, () => next++);
  for (const name of Object.keys(model.draws)) {
    streams.set(name, streams.size === 0 ? [Stream.noise] : furtherStreams(1));
  }
  masksOf(model).forEach(({ name, network }, i) => {
    const most = Math.max(...model.phases.map(({ batchesThrough }) => batchesThrough?.[network] ?? 1));
    const first = [Stream.dropout1, Stream.dropout2][i];
    const isKnown = first !== undefined && most <= 2;
    streams.set(name, isKnown ? Array.from({ length: most }, (_, k) => first + k) : furtherStreams(most));
  });
  return streams;
}
