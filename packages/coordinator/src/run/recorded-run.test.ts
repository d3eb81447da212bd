import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SmallRun } from '../testing/checkpoints.ts';
import { sealedJson } from '../storage/sealed-json.ts';
import { recordedRun } from './recorded-run.ts';

let directory: string;
let run: string;
beforeEach(async () => {
  directory = await mkdtemp(join(os.tmpdir(), 'gantry-recorded-'));
  run = join(directory, 'run');
});
afterEach(() => rm(directory, { recursive: true }));

/** A run of a model, with a checkpoint. */
async function makeRun(record: object | string): Promise<SmallRun> {
  const small = new SmallRun(run);
  await small.saveAll(1);
  await writeFile(join(run, 'run.json'), typeof record === 'string' ? record : sealedJson(record));
  return small;
}

function recordOf(config: object) {
  return {
    format: 2,
    created: '2024-01-01T00:00:00.000Z',
    config: { epochs: 1, batch: 4, shardSize: 2, seed: 1, checkpointEvery: 1, ...config },
    data: { source: 'mnist', sha256: '0', images: 8 },
    versions: {},
    parameters: [],
    numericClasses: [],
  };
}

test('the model of a run, and of a checkpoint in it, is the one of run.json', async () => {
  const small = await makeRun(recordOf({ model: 'tiny' }));
  expect(await recordedRun(run)).toMatchObject({ model: 'tiny' });
  expect(await recordedRun(`${run}/`)).toMatchObject({ model: 'tiny' });
  expect(await recordedRun(small.directoryOf(1))).toMatchObject({ model: 'tiny' });
});

test('a checkpoint that lies alone is taken to be of that model, too', async () => {
  const small = await makeRun(recordOf({ model: 'tiny' }));
  const alone = join(directory, 'elsewhere', 'best', 'of-all');
  await cp(small.directoryOf(1), alone, { recursive: true });
  expect(await recordedRun(alone)).toMatchObject({ model: 'dcgan' });
  expect(await recordedRun(join(directory, 'nowhere'))).toMatchObject({ model: 'dcgan' });
});

test.each([
  ['native', 'native'],
  ['onnx', 'onnx'],
  [undefined, 'onnx'],
] as const)('pictures of a run whose record says %s are drawn by %s', async (pictures, pictureEngine) => {
  await makeRun({ ...recordOf({ model: 'tiny' }), ...(pictures && { pictures }) });
  expect(await recordedRun(run)).toMatchObject({ model: 'tiny', pictureEngine });
});

test.each([
  ['is not JSON', '{'],
  ['says nothing of a configuration', { format: 2 }],
  ['is of an older version', { ...recordOf({ model: 'tiny' }), format: 1 }],
  ['names no model but a number', recordOf({ model: 7 })],
])('a record that %s is refused in one line, which names it', async (_, record) => {
  const small = await makeRun(record);
  for (const path of [run, small.directoryOf(1)]) {
    await expect(recordedRun(path)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/^\S*\/run\/run\.json cannot be read: [^\n]{10,}$/) as unknown,
    });
  }
});
