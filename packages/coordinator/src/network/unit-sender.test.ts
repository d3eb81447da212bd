import {
  Assembly,
  KeptImages,
  RoundShapes,
  batchesOf,
  decodeFromCoordinator,
  imagesIn,
  manifestToWire,
  PROTOCOL_VERSION,
  samplesIn,
  type CoordinatorMessage,
  type MessageOf,
  type PlannedUnit,
  type TrainingSpec,
} from '@gantry/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { smallManifest } from '../testing/checkpoints.ts';
import { RoundPayloads } from './round-payloads.ts';
import { UnitSender } from './unit-sender.ts';

const COUNT = 20;
const LOCAL_STEPS = 8;
const manifest = smallManifest();
/** Samples of this model have one byte. */
const SAMPLES = { count: COUNT, bytes: Uint8Array.from({ length: COUNT }, (_, i) => 200 - i) };
const OPTIMIZER = { name: 'sgd', learningRate: 1, momentum: 0 } as const;
const training: TrainingSpec = {
  wire: 'float32',
  localSteps: LOCAL_STEPS,
  localFrom: 0,
  flip: false,
  optimizers: { generator: OPTIMIZER, discriminator: OPTIMIZER },
};
const WELCOME: MessageOf<'welcome'> = {
  type: 'welcome',
  protocol: PROTOCOL_VERSION,
  run: 'a run',
  seed: 1,
  heartbeatMs: 1000,
  manifest: manifestToWire(manifest),
  training: { ...training, optimizers: { ...training.optimizers } },
  programs: [],
};

const units = fc.array(
  fc.record({
    index: fc.nat(3),
    isAlone: fc.boolean(),
    batches: fc.array(fc.array(fc.nat(COUNT - 1), { minLength: 2, maxLength: 4 }), {
      minLength: 1,
      maxLength: LOCAL_STEPS,
    }),
  }),
  { maxLength: 12 },
);
const caches = fc.option(fc.integer({ min: 1, max: COUNT + 3 }), { nil: undefined });

test('what is sent has the samples of each unit, those that the worker keeps by their numbers', () => {
  fc.assert(
    fc.property(units, caches, (sequence, cacheBytes) => {
      const assembly = new Assembly<CoordinatorMessage>();
      const got: { message: MessageOf<'assign'>; payload: Uint8Array }[] = [];
      const send = (frame: Uint8Array) => {
        const whole = assembly.add(decodeFromCoordinator(frame, WELCOME));
        if (whole?.message.type === 'assign') got.push({ message: whole.message, payload: whole.payload });
      };
      const payloads = new RoundPayloads(new RoundShapes(manifest, training), SAMPLES);
      const sender = new UnitSender({ send } as unknown as WebSocket, payloads, cacheBytes);
      const kept = new KeptImages(imagesIn(cacheBytes ?? 0, 1));
      for (const [round, { index, isAlone, batches: numbers }] of sequence.entries()) {
        const batches = numbers.map(({ length }, i) => ({ step: round + i, iteration: 0, first: 0, samples: length }));
        const planned: PlannedUnit = { round, index, batches, samples: Uint32Array.from(numbers.flat()) };
        sender.send(planned, isAlone);

        const { message, payload } = got.at(-1) ?? {};
        if (!message || !payload) throw new Error('nothing was sent');
        expect(got).toHaveLength(round + 1);
        expect([message.round, message.index, message.alone]).toEqual([round, index, isAlone ? true : undefined]);
        expect(batchesOf(message.batches, 1)).toEqual(batches);
        const dataOf = (samples: readonly number[]) => samples.map((number) => SAMPLES.bytes[number]);
        if (cacheBytes === undefined) {
          expect(message.sent).toBeUndefined();
          expect([...payload]).toEqual(dataOf(numbers.flat()));
          continue;
        }
        const missing = kept.missing(planned.samples);
        expect(message.sent).toBe(missing.length);
        const begin = 4 * samplesIn(planned);
        const sentNumbers = new Uint32Array(Uint8Array.from(payload.subarray(0, begin)).buffer);
        expect([...sentNumbers]).toEqual(numbers.flat());
        expect([...payload.subarray(begin)]).toEqual(dataOf(missing));
      }
    }),
  );
});
