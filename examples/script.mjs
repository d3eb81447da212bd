/** Trains from a program: defines a GAN, watches its losses, stops early, and writes a grid of pictures. */
import { writeFile } from 'node:fs/promises';
import { defineGan, gridPng, layers, leastSquares, onePassStep, openRun, train } from 'gantry';

const gan = defineGan({
  name: 'from-a-script',
  image: [28, 28, 1],
  noise: 32,
  generator: () => [layers.dense({ units: 28 * 28, activation: 'tanh' }), layers.reshape({ targetShape: [28, 28, 1] })],
  discriminator: () => [
    layers.flatten(),
    layers.dense({ units: 64 }),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.dense({ units: 1 }),
  ],
  phases: onePassStep(leastSquares),
});

const path = process.argv[2] ?? 'runs/script';
const run = await train({
  run: path,
  model: gan,
  config: { epochs: 2, limit: 512, batch: 64 },
  workers: { threads: 1 },
});
for await (const update of run) {
  if (update.type === 'step') console.log(`step ${update.step}: generator ${update.metrics.generatorLoss.toFixed(3)}`);
  if (update.type === 'step' && update.step === 10) await run.stop();
}
await writeFile(`${path}/grid.png`, await gridPng(await (await openRun(path)).generate({ count: 16 })));
console.log(`${path}/grid.png`);
