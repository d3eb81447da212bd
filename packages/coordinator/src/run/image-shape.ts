import {
  GantryError,
  dataInput,
  imageShape,
  phaseAt,
  type ImageSet,
  type ImageShape,
  type ModelManifest,
} from '@gantry/core';

/** What images a model takes. @throws GantryError E_CONFIG if its samples are no images */
export function imageShapeOf(manifest: ModelManifest): ImageShape {
  const { shape } = dataInput(phaseAt(manifest, 0));
  const [height = 0, width = 0, channels] = shape;
  if (shape.length === 3 && (channels === 1 || channels === 3)) return [height, width, channels];
  const expected = 'images of height×width×1 or height×width×3 were expected';
  throw new GantryError(
    'E_CONFIG',
    `the model '${manifest.model}' takes samples of ${shape.join('×')} where ${expected}`,
  );
}

/** @throws GantryError E_DATASET if the images are not those that a model takes */
export function requireFitting(images: ImageSet, source: string, manifest: ModelManifest): void {
  const [are, taken] = [imageShape(images).join('×'), imageShapeOf(manifest).join('×')];
  if (are === taken) return;
  const remedy = 'choose another by --model, or give the images as PNG, JPEG or WebP files, which are resized';
  throw new GantryError(
    'E_DATASET',
    `${source}: images of ${are} where the model '${manifest.model}' takes ${taken}; ${remedy}`,
  );
}
