import { resolve } from 'node:path';
import { GantryError, networkNamed, ownNumbers, viewOf, type ModelManifest, type TrainingState } from '@gantry/core';
import { readTensors, weightsDigest } from '../storage/checkpoint-store.ts';
import type { RunJson } from './run-config.ts';

/** Tensors that a notice names. */
const NAMED = 4;

/**
 * Gives a new run the weights and moving statistics of another one where names and shapes are the same; optimizers begin anew.
 * @param path run directory, of which the newest valid checkpoint is taken, or a checkpoint's
 * @param state changed in place
 * @param notice told what begins as drawn, in one line
 * @returns what run.json says of it
 * @throws GantryError E_CHECKPOINT if there is no valid one, E_CONFIG if nothing of it fits
 */
export async function firstWeightsFrom(
  path: string,
  state: TrainingState,
  manifest: ModelManifest,
  notice: (text: string) => void,
): Promise<NonNullable<RunJson['initFrom']>> {
  const { step, tensors } = await readTensors(path);
  const saved = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const all = [
    ...manifest.trainable.map((parameter) => ({ parameter, into: viewOf(state.weights, parameter) })),
    ...manifest.movingStatistics.map((parameter) => ({ parameter, into: viewOf(state.movingStatistics, parameter) })),
  ];
  const misfits: string[] = [];
  for (const { parameter, into } of all) {
    const { name, shape } = parameter;
    const tensor = saved.get(name);
    if (tensor && tensor.shape.join() === shape.join()) into.set(tensor.data);
    else misfits.push(`${name} [${shape.join()}] (there: ${tensor ? `[${tensor.shape.join()}]` : 'none'})`);
  }
  const more = misfits.length > NAMED ? ` and ${misfits.length - NAMED} more` : '';
  const named = `${misfits.slice(0, NAMED).join(', ')}${more}`;
  if (misfits.length === all.length) {
    throw new GantryError('E_CONFIG', `--init-from ${path}: none of its weights fits the model: ${named}`);
  }
  const taken = all.length - misfits.length;
  const from = `from step ${step} of ${path}`;
  notice(
    misfits.length === 0
      ? `weights ${from}: all ${all.length} tensors`
      : `weights ${from}: ${taken} of ${all.length} tensors; these begin as drawn: ${named}`,
  );
  if (state.average) {
    const network = networkNamed(manifest, state.average.network);
    const { weights, statistics } = ownNumbers(state, network);
    state.average.weights.set(weights);
    state.average.statistics.set(statistics);
  }
  return { source: resolve(path), step, taken, of: all.length, weights: weightsDigest(state) };
}
