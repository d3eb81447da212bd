import {
  DEFAULT_OPTIMIZERS,
  RoundShapes,
  allocatePayload,
  decodeFromWorker,
  encodedBytes,
  sampleBytes,
  type WorkerMessage,
} from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { expect, it } from 'vitest';
import type { EnginePool } from '../slots/engine-pool.ts';
import type { EngineSlot } from '../slots/engine-slot.ts';
import { ShardRunner } from './shard-runner.ts';
import { ShardTally } from './shard-tally.ts';

const STEPS = 5;
const MANIFEST = modelManifest('tiny');
const SHAPES = new RoundShapes(MANIFEST, {
  wire: 'int8',
  localSteps: STEPS,
  localFrom: 0,
  flip: false,
  optimizers: DEFAULT_OPTIMIZERS,
});
const { length, compact } = SHAPES.contribution(0);
const RESULT_BYTES = encodedBytes('int8', length, compact);

it('says that it has begun with a unit, and that all of it is computed before the answer is on its way', async () => {
  const slot = {
    busy: false,
    idleSince: 0,
    dead: false,
    // As fast as can be: in between, there is nothing to say.
    compute: ((_unit, _weights, _recycled, progressed) => {
      for (let done = 1; done <= STEPS; done++) progressed?.(done);
      slot.idleSince = performance.now();
      return Promise.resolve(allocatePayload(RESULT_BYTES));
    }) satisfies EngineSlot['compute'],
  };
  const said: WorkerMessage[] = [];
  const nothing = () => undefined;
  const runner = new ShardRunner({
    shapes: SHAPES,
    images: undefined,
    pool: { slots: [slot], onFree: nothing } as unknown as EnginePool,
    tally: new ShardTally(),
    observer: { connected: nothing, waiting: nothing, shardDone: nothing, notice: nothing },
    send: (frame) => void said.push(decodeFromWorker(frame, () => RESULT_BYTES).message),
    failed: (error) => {
      throw error;
    },
  });
  const round = 0;
  runner.setWeights({ type: 'weights', round }, new Uint8Array(4 * SHAPES.published(round).length));
  const batches = [{ step: 0, iteration: 0, first: 0, samples: 2, count: STEPS }];
  runner.assign({ type: 'assign', round, index: 3, batches }, new Uint8Array(2 * STEPS * sampleBytes(MANIFEST)));
  await new Promise(setImmediate);
  runner.stop();
  expect(said).toMatchObject([
    { type: 'progress', round, index: 3, batches: 1 },
    { type: 'progress', round, index: 3, batches: STEPS },
    { type: 'result', round, index: 3 },
  ]);
});
