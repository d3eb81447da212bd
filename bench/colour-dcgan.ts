/**
 * The DCGAN for images of 64×64 in colours (bench/peers/colour-dcgan.ts) beside the same in PyTorch, one thread each, in turn:
 *
 *     npm run bench:colour                 three rounds, some minutes; writes bench/results/colour-dcgan.json
 *     npm run bench:colour -- --rounds 9   so many instead
 *
 * Needs Python with torch 2.13 (PYTHON names another one).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, machineText, type Spread } from '@gantry/cli/bench';
import { npyHeader } from '@gantry/core';
import { MALLOC, PYTHON, versionOf } from './peers/contenders.ts';
import { compete, roundsOf, standingsTable } from './support/contest.ts';
import { gantryBench, optionsOf, resultOf } from './support/json-command.ts';

const BATCH = 64;
const SHAPE = [256, 64, 64, 3];
/** Of each block: `gantry bench step` counts four in a round. */
const STEPS = 4;

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

async function gantrySpeed(data: string): Promise<number> {
  const options = { model: fileOf('peers/colour-dcgan.ts'), data, 'shard-size': BATCH, rounds: 1 };
  const [figures] = await gantryBench<[{ imagesPerSecond: Spread }]>('step', options);
  return figures.imagesPerSecond.median;
}

async function torchSpeed(): Promise<number> {
  const args = [fileOf('peers/pytorch_colour_dcgan.py'), ...optionsOf({ batch: BATCH, steps: STEPS, threads: 1 })];
  return (await resultOf<{ imagesPerSecond: number }>(PYTHON, args, MALLOC)).imagesPerSecond;
}

const { values: flags } = parseArgs({ options: { rounds: { type: 'string' } } });
const rounds = roundsOf(flags.rounds, 3);
const machine = describeMachine();
const torch = await versionOf('torch');
if (torch === undefined) throw new Error('Python does not find torch');
const folder = mkdtempSync(join(tmpdir(), 'gantry-colour-'));
try {
  const data = join(folder, 'images.npy');
  const pixels = Uint8Array.from({ length: SHAPE.reduce((a, b) => a * b) }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  writeFileSync(data, Buffer.concat([npyHeader(SHAPE), pixels]));
  // Compiles, once.
  await gantrySpeed(data);
  const [loadBefore] = loadavg();
  const contenders = [
    { name: 'Gantry', measure: () => gantrySpeed(data) },
    { name: 'PyTorch, channels last', measure: torchSpeed },
  ];
  const results = await compete(
    [{ work: `one thread, ${BATCH} images of 64×64 in colours a step`, contenders }],
    rounds,
  );
  console.log(`${machineText(machine)}; PyTorch ${torch}; ${rounds} rounds\n`);
  console.log(standingsTable(results, 'Gantry'));
  const report = {
    machine,
    versions: { torch },
    rounds,
    loadAverage: { before: loadBefore, after: loadavg()[0] },
    results,
  };
  writeFileSync(fileOf('results/colour-dcgan.json'), `${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
