import { initialState, ownNumbers, networkNamed, DEFAULT_OPTIMIZERS } from '@gantry/core';
import { disposeModel, manifestOf } from '@gantry/core/tfjs';
import { dcgan, tiny } from '@gantry/models';
import { describe, expect, it } from 'vitest';
import { PictureRenderer } from './picture-renderer.ts';
import { pictureSource } from './picture-source.ts';

const PLACE = { seed: 7 };

/** The numbers of a new generator. */
function newGenerator(model = tiny()) {
  const manifest = manifestOf(model);
  const state = initialState(manifest, 3, DEFAULT_OPTIMIZERS);
  return { model, ...ownNumbers(state, networkNamed(manifest, model.preview.network)) };
}

async function drawn(batchNorm: 'moving' | 'recalibrated', statistics?: Float32Array) {
  const { model, weights, statistics: own } = newGenerator();
  const renderer = new PictureRenderer(pictureSource(model, 16, batchNorm), 'onnx');
  const { values } = await renderer.render({ weights, statistics: statistics ?? own }, PLACE, 20);
  await renderer.dispose();
  disposeModel(model);
  return values;
}

describe('pictures', () => {
  it('are the same however many are drawn at a time', async () => {
    const { model, ...numbers } = newGenerator();
    const [few, many] = [7, 16].map((batch) => new PictureRenderer(pictureSource(model, batch), 'native'));
    expect(await few?.render(numbers, PLACE, 20)).toEqual(await many?.render(numbers, PLACE, 20));
  });

  it('are others for each draw, of which the first is that of sample grids', async () => {
    const { model, ...numbers } = newGenerator();
    const renderer = new PictureRenderer(pictureSource(model, 16), 'onnx');
    const [none, first, second] = [
      await renderer.render(numbers, PLACE, 4),
      await renderer.render(numbers, { ...PLACE, draw: 0 }, 4),
      await renderer.render(numbers, { ...PLACE, draw: 1 }, 4),
    ];
    expect(first).toEqual(none);
    expect(second).not.toEqual(first);
  });

  it('follow the weights alone where statistics are recalibrated', async () => {
    const size = newGenerator().statistics.length;
    const wrong = new Float32Array(size).fill(9);
    expect(await drawn('recalibrated', wrong)).toEqual(await drawn('recalibrated'));
    expect(await drawn('moving', wrong)).not.toEqual(await drawn('moving'));
  });

  it('use the whole range at once where statistics are recalibrated, and lag behind otherwise', async () => {
    // The first weights of the tutorial: its moving statistics begin at mean 0 and variance 1, far from what its layers give.
    const { model, ...numbers } = newGenerator(dcgan());
    const spread = async (batchNorm: 'moving' | 'recalibrated') => {
      const renderer = new PictureRenderer(pictureSource(model, 16, batchNorm), 'onnx');
      const { values } = await renderer.render(numbers, PLACE, 16);
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect(await spread('recalibrated')).toBeGreaterThan(2 * (await spread('moving')));
  });
});
