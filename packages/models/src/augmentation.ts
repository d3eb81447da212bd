import type * as tf from '@tensorflow/tfjs-core';
import { GantryError } from '@gantry/core';
import type { DrawSpec } from '@gantry/core/tfjs';

/**
 * What phases do to real and to generated images before the discriminator judges them, in training alone. A value of one's own
 * works on each image by itself, and is differentiable with respect to the image.
 */
export interface Augmentation {
  /** What it draws: one row for each real image, and one for each generated one. They belong into the draws of the model. */
  readonly draws: Readonly<Record<'augmentReal' | 'augmentFake', DrawSpec>>;
  /**
   * @param images [B,height,width,channels] in [−1, 1]
   * @param drawn rows of its draw [B,...]
   * @returns as many images of the same size
   */
  apply(images: tf.Tensor, drawn: tf.Tensor): tf.Tensor;
}

/** Draws of a phase, of which a model may lack some. */
type Inputs = Readonly<Record<string, tf.Tensor | undefined>>;

/**
 * Images as the discriminator gets them.
 * @param draw which of its draws
 * @throws GantryError E_CONFIG if the model does not draw that
 */
export function augmented(
  augmentation: Augmentation | undefined,
  images: tf.Tensor,
  draw: keyof Augmentation['draws'],
  inputs: Inputs,
): tf.Tensor {
  if (!augmentation) return images;
  const drawn = inputs[draw];
  if (drawn) return augmentation.apply(images, drawn);
  throw new GantryError('E_CONFIG', `an augmentation takes the draw '${draw}': define draws: augmentation.draws`);
}
