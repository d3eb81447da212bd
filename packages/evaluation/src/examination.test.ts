import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noisePictures, openExamination, type Examination, type Findings } from './examination.ts';
import { mnistFeatures } from './features/feature-extractor.ts';
import { realPictures } from './pictures/real-pictures.ts';
import { digits, digitsOf } from './testing/mnist.ts';

const TRAINING = 6000;
const HELD_OUT = 2000;
const SAMPLES = 1000;

function required(floor: Findings | undefined): Findings {
  if (!floor) throw new Error('no floor');
  return floor;
}

describe('an examination of digits', () => {
  let examination: Examination;
  let floor: Findings;
  beforeAll(async () => {
    const [training, heldOut] = [digits('train', TRAINING), digits('t10k', HELD_OUT)];
    examination = await openExamination({ training, heldOut, features: await mnistFeatures(), engine: 'native' });
    floor = required(await examination.floor(SAMPLES));
  });
  afterAll(() => examination.dispose());

  /** What a number has to be at least, or at most, of that of real images. */
  const real = (name: keyof Findings) => floor[name] as number;

  it('finds real images at the floor, all classes alike', () => {
    expect(real('frechetDistance')).toBeLessThan(30);
    expect(real('score')).toBeGreaterThan(9.5);
    expect(real('classEntropy')).toBeGreaterThan(0.98);
    expect(real('precision')).toBeGreaterThan(0.7);
    expect(real('recall')).toBeGreaterThan(0.7);
    // Held-out images are no copies.
    expect(real('nearestTraining')).toBeGreaterThan(5);
  });

  it('finds noise at the ceiling', async () => {
    const noise = await examination.examine(noisePictures([28, 28, 1], SAMPLES), SAMPLES);
    expect(noise.frechetDistance).toBeGreaterThan(50 * real('frechetDistance'));
    expect(noise.precision).toBe(0);
    expect(noise.recall).toBe(0);
    expect(noise.nearestTraining).toBeGreaterThan(2 * real('nearestTraining'));
  });

  it('shows a generator of one digit by entropy, score and recall, though each picture is a real one', async () => {
    const ones = digitsOf('t10k', 10_000, 1);
    const collapsed = await examination.examine(realPictures(ones), ones.count);
    expect(collapsed.classEntropy).toBeLessThan(0.05);
    expect(collapsed.score).toBeLessThan(1.2);
    expect(collapsed.recall).toBeLessThan(0.2);
    expect(collapsed.precision).toBeGreaterThan(0.7);
    expect(collapsed.frechetDistance).toBeGreaterThan(10 * real('frechetDistance'));
  });

  it('shows training images learnt by heart by the distance to the nearest, though all else is perfect', async () => {
    const learnt = digits('train', SAMPLES);
    const findings = await examination.examine(realPictures(learnt), SAMPLES);
    expect(findings.nearestTraining).toBe(0);
    expect({ ...findings, nearestTraining: real('nearestTraining') }).toEqual(floor);
  });

  it('gives the same bits twice, however the pictures come', async () => {
    const pictures = [...realPictures(digits('t10k', 512))];
    const [first, second] = pictures;
    if (!first || !second) throw new Error('no pictures');
    const values = Float32Array.from([...first.values, ...second.values]);
    const whole = await examination.examine([{ shape: [512, 28, 28, 1], values }], 512);
    expect(await examination.examine(pictures, 512)).toEqual(whole);
  });

  it('refuses pictures of another size', async () => {
    await expect(examination.examine(noisePictures([8, 8, 1], 10), 10)).rejects.toMatchObject({ code: 'E_DATASET' });
  });
});

describe('an examination of other pictures', () => {
  it('compares patches, and names them', async () => {
    const images = { training: digits('train', 300), heldOut: digits('t10k', 300) };
    const examination = await openExamination({ ...images, engine: 'native' });
    const floor = required(await examination.floor(300));
    const noise = await examination.examine(noisePictures([28, 28, 1], 300), 300);
    expect([floor.features, noise.features]).toEqual(['patches', 'patches']);
    expect(noise.slicedWassersteinDistance).toBeGreaterThan(5 * (floor.slicedWassersteinDistance ?? NaN));
    expect(Object.keys(noise)).not.toContain('frechetDistance');
    await examination.dispose();
  });

  it('compares as many with as many, and has no floor without held-out images', async () => {
    const examination = await openExamination({ training: digits('train', 40), heldOut: undefined, engine: 'native' });
    expect(examination.most).toBe(40);
    expect(await examination.floor(40)).toBeUndefined();
    expect((await examination.examine(noisePictures([28, 28, 1], 40), 40)).samples).toBe(40);
  });

  it('is not opened with hardly any images', async () => {
    const few = { training: digits('train', 9), heldOut: undefined, engine: 'native' } as const;
    await expect(openExamination(few)).rejects.toMatchObject({ code: 'E_DATASET' });
  });
});
