import { z } from 'zod';
import { ERROR_CODES } from '../errors.ts';
import { MAX_SEED } from '../numerics/random.ts';
import { optimizerSpecSchema } from '../optimizers/optimizer.ts';
import { MAX_LOCAL_STEPS, MAX_ROUND_SAMPLES, MAX_UNIT_BATCHES } from '../training/config.ts';
import { WIRES } from '../wire/wire.ts';
import { MAX_MESSAGE_BYTES } from './frame.ts';
import { plainText } from './text.ts';

// Zod would otherwise compile its parsers with `new Function`, which a page's content security policy may forbid.
z.config({ jitless: true });

/** The configuration allows no larger batch, nor shards of one sample. */
const MAX_BATCH = 60_000;
const MAX_SHARD = 4096;
/** Of one message; a worker may have no more, and needs none. */
const MAX_IMAGE_CACHE_BYTES = 2 ** 40;
/** Rounds of a step: the streams of draws have room for no more. */
const MAX_ITERATIONS = 2 ** 16 - 1;

/** Batches of a unit of local steps, and runs of equal ones: the last of an epoch may differ, and the next epoch may begin in a step. */
const MAX_BATCH_RUNS = 512;

/** Text to be shown, see `plainText`; the length counts UTF-16 units and holds after stripping. */
const text = (maxLength: number) => z.string().transform(plainText).pipe(z.string().min(1).max(maxLength));
/** An explanation is cut rather than refused: what went wrong must arrive. */
const explanation = z.string().transform((message) => plainText(message.slice(0, 1000)));
const milliseconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
const errorCode = z.enum(ERROR_CODES);
/** Version of the protocol; any is parsed, so that another than ours can be named. */
const protocol = z.int().min(0).max(65_535);
/** Round of the run, counted from 0; one round makes a step of the default model. */
const round = z.int().min(0);
/** Index of the shard, or of the tree node on its level. */
const index = z.int().min(0).max(MAX_BATCH);
/** Samples of a shard. */
const shardSamples = z.int().min(2).max(MAX_SHARD);

/** Where in the message's payload that of this frame begins, in bytes; absent in the first frame. */
const offset = z.exactOptional(z.int().min(1).max(MAX_MESSAGE_BYTES));

const tensorName = z.string().regex(/^[\w./-]{1,200}$/);
const networkName = z.string().regex(/^[\w.-]{1,100}$/);
const shape = z.array(z.int().min(1).max(MAX_MESSAGE_BYTES)).max(8);
const finite = z.number().min(-1e9).max(1e9);
/** Where the values of a parameter begin, see `Initializer`. */
const initializer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), value: finite }),
  z.strictObject({ kind: z.literal('uniform'), center: finite, limit: finite }),
  z.strictObject({ kind: z.literal('normal'), mean: finite, deviation: finite, truncated: z.boolean() }),
]);
const parameter = z.strictObject({ name: tensorName, shape, initializer });
const movingStatistic = z.strictObject({ ...parameter.shape, momentum: z.number().min(0).max(1) });
/** Streams of random numbers that an input draws from. */
const streams = z
  .array(
    z
      .int()
      .min(0)
      .max(2 ** 16 - 1),
  )
  .min(1)
  .max(16);
/** An input of a phase, see `PhaseInput`. */
const phaseInput = z.discriminatedUnion('from', [
  z.strictObject({ from: z.literal('data'), name: tensorName, shape }),
  z.strictObject({ from: z.literal('label'), name: tensorName, shape: z.tuple([z.int().min(2).max(256)]) }),
  z.strictObject({ from: z.literal(['normal', 'uniform']), name: tensorName, shape, streams }),
  z.strictObject({ from: z.literal('keepMask'), name: tensorName, shape, streams, rate: z.number().min(0).max(0.99) }),
]);
/** What a round computes, see `PhaseManifest`. */
const phase = z.strictObject({
  name: tensorName,
  times: z.int().min(1).max(1000),
  updates: z.array(networkName).min(1).max(16),
  inputs: z.array(phaseInput).min(1).max(64),
  sums: z.array(tensorName).max(64),
});
/** What the receiver has to know of the model, see `ModelManifest`: offsets and sizes follow from order and shapes. */
export const manifestSchema = z.strictObject({
  model: networkName,
  trainable: z.array(parameter).min(1).max(128),
  movingStatistics: z.array(movingStatistic).max(128),
  phases: z.array(phase).min(1).max(16),
});

/** First message of a worker. No payload. */
const hello = z.strictObject({
  type: z.literal('hello'),
  protocol,
  /** How people call the worker. */
  name: text(64),
  /** A secret that the worker has made up: by it the coordinator knows the worker again over all its connections. */
  identity: z.string().regex(/^[\w-]{22,64}$/),
  /** Engine in use, such as `onnx`. */
  engine: z.string().regex(/^[a-z0-9-]{1,32}$/),
  /** Device in use, such as `cpu` or `cuda:0`. */
  device: text(32),
  /** Shards it computes at the same time, one thread each. */
  threads: z.int().min(1).max(1024),
  /** For images that it keeps as long as the connection lasts; absent: it keeps none, and each unit comes with all of its own. */
  imageCacheBytes: z.exactOptional(z.int().min(1).max(MAX_IMAGE_CACHE_BYTES)),
  /** Version of Gantry. */
  gantry: text(32),
});

/** The worker has the program and has computed the probe shard: it can take work. No payload. */
const ready = z.strictObject({
  type: z.literal('ready'),
  /** sha256 of `manifestBytes`, computed by the worker. */
  manifest: sha256Hex,
  /** sha256 of `programBytes`, from the seed and from hashes that the worker computed of the bytes it received. */
  program: sha256Hex,
  /** What defines how the worker rounds: the engine and the version of its arithmetic, or the device; `native-1`, `onnx-cuda`. */
  numericClass: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  /** Hash of the probe shard's gradients: workers of one class have the same. */
  probe: z.string().regex(/^[0-9a-f]{16,64}$/),
  /** Time of the probe shard once all is warm, on a GPU of hardware: by it a run chooses, once, how GPUs compute. */
  probeMs: z.exactOptional(milliseconds),
});

/**
 * The worker has computed a shard and keeps its contribution until it can send the sum with the next ones. No payload.
 */
const computed = z.strictObject({
  type: z.literal('computed'),
  round,
  index,
  /** Time spent computing. */
  computeMs: milliseconds,
  /** Time spent waiting for this work. */
  waitMs: milliseconds,
});

/**
 * The worker has computed some batches of a unit of local steps: now and then, and when all are done, before the answer. No payload.
 */
const progress = z.strictObject({
  type: z.literal('progress'),
  round,
  index,
  /** Batches of the unit that are done. */
  batches: z.int().min(1).max(MAX_UNIT_BATCHES),
});

/**
 * The sum of the contributions under one tree node, each of a unit that the worker was given. Payload: a contribution, as the wire of
 * the welcome has it; where that rounds, it is of one unit.
 */
const result = z.strictObject({
  type: z.literal('result'),
  round,
  /** Level 0 holds the shards; a node of level n holds 2ⁿ of them. */
  level: z.int().min(0).max(16),
  index,
  /** Samples summed up in the node. */
  samples: z.int().min(2).max(MAX_ROUND_SAMPLES),
  /** Time spent computing the last shard of the node. */
  computeMs: milliseconds,
  /** Time spent waiting for it. */
  waitMs: milliseconds,
  offset,
});

/** The worker could not compute, or received something wrong. No payload. */
const failure = z.strictObject({
  type: z.literal('failure'),
  code: errorCode,
  message: explanation,
  /** Round and unit concerned, where it was about one. */
  round: z.exactOptional(round),
  index: z.exactOptional(index),
});

/** The worker goes away: no more work, please. No payload. */
const leaving = z.strictObject({ type: z.literal('leaving') });

/** Answer to hello: what the run is. No payload. */
const welcome = z.strictObject({
  type: z.literal('welcome'),
  protocol,
  /** Name of the run. */
  run: text(200),
  /** All randomness derives from it. */
  seed: z.int().min(0).max(MAX_SEED),
  /** Time between heartbeats. */
  heartbeatMs: z.int().min(1).max(3_600_000),
  /** Parameters, inputs and sums of the model, see `manifestFromWire`. */
  manifest: manifestSchema,
  /** How units are computed and how contributions travel, see `TrainingSpec`. */
  training: z.strictObject({
    wire: z.enum(WIRES),
    localSteps: z.int().min(1).max(MAX_LOCAL_STEPS),
    localFrom: round,
    flip: z.boolean(),
    optimizers: z.record(networkName, optimizerSpecSchema),
  }),
  /** What follows in `program` messages, one per phase and shard size. */
  programs: z
    .array(
      z.strictObject({
        phase: tensorName,
        samples: shardSamples,
        /** Length of the program. */
        bytes: z.int().min(1).max(MAX_MESSAGE_BYTES),
        sha256: sha256Hex,
      }),
    )
    .max(16),
});

/** A phase, compiled for one shard size. Payload: an ONNX model. */
const program = z.strictObject({ type: z.literal('program'), phase: tensorName, samples: shardSamples, offset });

/**
 * What to compute with from now on, as a whole. Payload, float32: all trainable parameters; in a round of local steps behind them the
 * moments of the optimizers that are carried on, network by network, second ones as their roots, and the moving statistics.
 */
const weights = z.strictObject({
  type: z.literal('weights'),
  /** The round that is computed with them. */
  round,
  offset,
});
/** The same, from what the worker has of the round before. Payload: differences as the wire has them, see `updated`. */
const update = z.strictObject({
  type: z.literal('update'),
  round,
  /** Of what comes out, as float32: XXH64 in hexadecimal. */
  checksum: z.string().regex(/^[0-9a-f]{16}$/),
  offset,
});

/** Slices of global batches that follow one another, see `Batch`. */
const batches = z.strictObject({
  /** Of the first one. */
  step: z.int().min(0),
  /** Its batch of the step, from 0. */
  iteration: z.int().min(0).max(MAX_ITERATIONS),
  /** Place of its first sample in the global batch. */
  first: z.int().min(0).max(MAX_BATCH),
  samples: shardSamples,
  /** How many there are, each of the next batch of the step or the first of the next step; absent: one. */
  count: z.exactOptional(z.int().min(2).max(MAX_UNIT_BATCHES)),
});

/**
 * A unit to compute from what was published for its round. Payload: the data of its samples, batch by batch, uint8; where the worker
 * keeps images, the samples' numbers in the data set, uint32, and the data of those that it does not have, each once.
 */
const assign = z.strictObject({
  type: z.literal('assign'),
  round,
  index,
  batches: z.array(batches).min(1).max(MAX_BATCH_RUNS),
  /** Samples whose data follows their numbers; absent: the payload has no numbers. */
  sent: z.exactOptional(z.int().min(0).max(MAX_ROUND_SAMPLES)),
  /** Its contribution is to come by itself, in no sum; absent: it may come in one. */
  alone: z.exactOptional(z.literal(true)),
  offset,
});

/** The result of this shard is no longer wanted. No payload. */
const cancel = z.strictObject({ type: z.literal('cancel'), round, index });

/** Last message of the coordinator: the worker reconnects after `stopped` only. No payload. */
const bye = z.strictObject({
  type: z.literal('bye'),
  reason: z.enum(['finished', 'stopped', 'dropped']),
  message: explanation,
});

/** A refusal. After a refused result the connection stays; otherwise it is closed. No payload. */
const error = z.strictObject({ type: z.literal('error'), code: errorCode, message: explanation });

const unknownType = 'not the type of a message in this direction';
export const workerMessageSchema = z.discriminatedUnion(
  'type',
  [hello, ready, computed, progress, result, failure, leaving],
  unknownType,
);
export const coordinatorMessageSchema = z.discriminatedUnion(
  'type',
  [welcome, program, weights, update, assign, cancel, bye, error],
  unknownType,
);
export const messageSchema = z.discriminatedUnion('type', [workerMessageSchema, coordinatorMessageSchema], unknownType);

export type WorkerMessage = z.infer<typeof workerMessageSchema>;
export type CoordinatorMessage = z.infer<typeof coordinatorMessageSchema>;
export type Message = WorkerMessage | CoordinatorMessage;
/** The message of one type: `MessageOf<'assign'>`. */
export type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>;
