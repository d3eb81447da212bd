import { GantryError, type Labels } from '@gantry/core';

/**
 * Labels that are numbers: those that occur, in their order, are the classes.
 * @param images as many as there have to be labels
 * @param source of the labels, for errors
 * @throws GantryError E_DATASET if there are more or fewer
 */
export function numberLabels(numbers: readonly number[], images: number, source: string): Labels {
  if (numbers.length !== images) {
    const problem = `${numbers.length} labels for ${images} images`;
    throw new GantryError('E_DATASET', `${source}: ${problem}; fetch both files again, or remove this one`);
  }
  const classes = [...new Set(numbers)].toSorted((a, b) => a - b);
  const places = new Map(classes.map((number, place) => [number, place]));
  return { classes: classes.map(String), values: Uint32Array.from(numbers, (number) => places.get(number) ?? 0) };
}
