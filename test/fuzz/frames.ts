import {
  DEFAULT_OPTIMIZERS,
  GantryError,
  PROTOCOL_VERSION,
  decodeFromCoordinator,
  decodeFromWorker,
  encodeFrame,
  encodedBytes,
  manifestToWire,
  sealFrame,
  type CoordinatorMessage,
  type MessageOf,
  type WorkerMessage,
} from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { mutated, type Subject } from './mutate.ts';

const RESULT_BYTES = 64;
/** Rounds before it are synchronous. */
const LOCAL_ROUND = 4;
const SAMPLE_BYTES = 64;
const HASH = 'ab'.repeat(32);
const manifest = modelManifest('tiny');

const WELCOME: MessageOf<'welcome'> = {
  type: 'welcome',
  protocol: PROTOCOL_VERSION,
  run: 'a run',
  seed: 7,
  heartbeatMs: 1000,
  manifest: manifestToWire(manifest),
  training: { wire: 'int8', localSteps: 4, localFrom: LOCAL_ROUND, flip: false, optimizers: { ...DEFAULT_OPTIMIZERS } },
  programs: [{ phase: 'step', samples: 2, bytes: 40, sha256: HASH }],
};
const BATCH = { step: 3, iteration: 0, first: 0, samples: 2 };

const FROM_WORKER: readonly (readonly [WorkerMessage, Uint8Array?])[] = [
  [
    {
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      name: 'ada',
      identity: HASH,
      engine: 'onnx',
      device: 'cpu',
      threads: 2,
      imageCacheBytes: 2 ** 20,
      gantry: '0.1.0',
    },
  ],
  [{ type: 'ready', manifest: HASH, program: HASH, numericClass: 'native-1', probe: 'ab'.repeat(8) }],
  [{ type: 'computed', round: 3, index: 1, computeMs: 1.5, waitMs: 0 }],
  [{ type: 'progress', round: LOCAL_ROUND, index: 1, batches: 2 }],
  [{ type: 'result', round: 3, level: 1, index: 0, samples: 4, computeMs: 2, waitMs: 1 }, new Uint8Array(RESULT_BYTES)],
  [{ type: 'failure', code: 'E_ENGINE', message: 'no', round: 3, index: 1 }],
  [{ type: 'leaving' }],
];
const FROM_COORDINATOR: readonly (readonly [CoordinatorMessage, Uint8Array?])[] = [
  [WELCOME],
  [{ type: 'program', phase: 'step', samples: 2 }, new Uint8Array(40)],
  [{ type: 'weights', round: 3 }, new Uint8Array(4 * manifest.trainableSize)],
  [
    { type: 'update', round: 3, checksum: 'ab'.repeat(8) },
    new Uint8Array(encodedBytes('int8', manifest.trainableSize, manifest.trainableSize)),
  ],
  [{ type: 'assign', round: 3, index: 1, batches: [BATCH], alone: true }, new Uint8Array(2 * SAMPLE_BYTES)],
  [
    { type: 'assign', round: LOCAL_ROUND, index: 1, batches: [{ ...BATCH, count: 3 }, BATCH], sent: 5 },
    new Uint8Array(4 * 8 + 5 * SAMPLE_BYTES),
  ],
  [{ type: 'cancel', round: 3, index: 1 }],
  [{ type: 'bye', reason: 'stopped', message: 'bye' }],
  [{ type: 'error', code: 'E_NON_FINITE', message: 'no' }],
];

/** Frames of all messages, changed, three of four with the right checksum: damage alone would stop at that. */
export function mutatedFrames(): Subject {
  const encoded = (isFromWorker: boolean) => (each: readonly [WorkerMessage | CoordinatorMessage, Uint8Array?]) => {
    return { isFromWorker, frame: encodeFrame(...each) };
  };
  const [first, ...others] = [...FROM_WORKER.map(encoded(true)), ...FROM_COORDINATOR.map(encoded(false))];
  if (!first) throw new Error('there are messages');
  const frames = [first, ...others] as const;
  return (dice) => {
    const { isFromWorker, frame } = dice.pick(frames);
    const input = mutated(dice, frame);
    if (input.length >= 16 && dice.between(0, 3) > 0) sealFrame(input);
    const isKnown = dice.between(0, 1) === 1;
    const decode = () => {
      try {
        if (isFromWorker) decodeFromWorker(input, isKnown ? () => RESULT_BYTES : undefined);
        else decodeFromCoordinator(input, isKnown ? WELCOME : undefined);
        return 'valid';
      } catch (error) {
        if (error instanceof GantryError) return error.code;
        throw error;
      }
    };
    return { input, decode };
  };
}
