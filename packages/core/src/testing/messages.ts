/** Messages as fast-check makes them, and the welcome that they belong to. */
import fc from 'fast-check';
import { ERROR_CODES, GantryError } from '../errors.ts';
import { decodeFromCoordinator, decodeFromWorker, type Received } from '../protocol/codec.ts';
import { MAX_PAYLOAD_BYTES, PROTOCOL_VERSION } from '../protocol/frame.ts';
import type { Message, MessageOf } from '../protocol/messages.ts';
import { plainText } from '../protocol/text.ts';
import { WIRES } from '../wire/wire.ts';

/** Bytes of a contribution: others in each round. */
export const resultBytes = (round: number) => 20 + 4 * (round % 3);
/** Rounds before it are synchronous, with units of one batch. */
export const LOCAL_FROM = 1000;
export const LOCAL_STEPS = 3;
/** Batches that a step of the welcome's model takes. */
export const PER_STEP = 4;
export const SAMPLE_BYTES = 4 * 7;
export const WELCOME: MessageOf<'welcome'> = {
  type: 'welcome',
  protocol: PROTOCOL_VERSION,
  run: 'a run',
  seed: 7,
  heartbeatMs: 5000,
  manifest: {
    model: 'a-model',
    trainable: [{ name: 'generator/k', shape: [2, 3], initializer: { kind: 'constant', value: 0 } }],
    movingStatistics: [],
    phases: [
      {
        name: 'step',
        times: PER_STEP,
        updates: ['generator'],
        inputs: [{ name: 'images', shape: [4, 7], from: 'data' }],
        sums: ['loss'],
      },
    ],
  },
  training: {
    wire: 'int8',
    localSteps: LOCAL_STEPS,
    localFrom: LOCAL_FROM,
    flip: false,
    optimizers: { generator: { name: 'rmsprop', learningRate: 1, rho: 0.5, epsilon: 1 } },
  },
  programs: [
    { phase: 'step', samples: 2, bytes: 13, sha256: '0'.repeat(64) },
    { phase: 'other', samples: 2, bytes: 14, sha256: '0'.repeat(64) },
    { phase: 'step', samples: 3, bytes: 15, sha256: '0'.repeat(64) },
  ],
};

const text = (maxLength: number) =>
  fc
    .string({ unit: 'binary', maxLength })
    .map(plainText)
    .filter((value) => value !== '');
const explanation = fc.string({ unit: 'binary', maxLength: 1000 }).map(plainText);
const hex = (minLength: number, maxLength: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${minLength},${maxLength}}$`));
const sha256 = hex(64, 64);
const ms = fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true });
const round = fc.oneof(fc.nat(2 * LOCAL_FROM), fc.maxSafeNat());
const index = fc.nat(60_000);
const shardSamples = fc.integer({ min: 2, max: 4096 });
const errorCode = fc.constantFrom(...ERROR_CODES);
const is = <const Type extends string>(type: Type) => fc.constant(type);
const tensorName = fc.stringMatching(/^[\w./-]{1,200}$/);
const shape = fc.array(fc.integer({ min: 1, max: MAX_PAYLOAD_BYTES }), { maxLength: 8 });
/** msgpack's integer 0 has no sign. */
const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((x) => x + 0);
const initializer = fc.oneof(
  fc.record({ kind: is('constant'), value: finite }),
  fc.record({ kind: is('uniform'), center: finite, limit: finite }),
  fc.record({ kind: is('normal'), mean: finite, deviation: finite, truncated: fc.boolean() }),
);
const parameter = { name: tensorName, shape, initializer };
const networkName = fc.stringMatching(/^[\w.-]{1,100}$/);
const streams = fc.array(fc.nat(2 ** 16 - 1), { minLength: 1, maxLength: 16 });
const phaseInput = fc.oneof(
  fc.record({ from: is('data'), name: tensorName, shape }),
  fc.record({ from: is('normal'), name: tensorName, shape, streams }),
  fc.record({ from: is('uniform'), name: tensorName, shape, streams }),
  fc.record({
    from: is('keepMask'),
    name: tensorName,
    shape,
    streams,
    rate: fc.double({ min: 0, max: 0.99, noNaN: true }),
  }),
);
const phase = fc.record({
  name: tensorName,
  times: fc.integer({ min: 1, max: 1000 }),
  updates: fc.array(networkName, { minLength: 1, maxLength: 16 }),
  inputs: fc.array(phaseInput, { minLength: 1, maxLength: 8 }),
  sums: fc.array(tensorName, { maxLength: 8 }),
});
const manifest = fc.record({
  model: networkName,
  trainable: fc.array(fc.record(parameter), { minLength: 1, maxLength: 16 }),
  movingStatistics: fc.array(fc.record({ ...parameter, momentum: fc.double({ min: 0, max: 1, noNaN: true }) }), {
    maxLength: 16,
  }),
  phases: fc.array(phase, { minLength: 1, maxLength: 4 }),
});
export type Run = MessageOf<'assign'>['batches'][number];
const countOf = ({ count = 1 }: Run) => count;
const samplesOf = (batches: readonly Run[]) => batches.reduce((sum, run) => sum + run.samples * countOf(run), 0);
const batch = fc.record({
  step: fc.maxSafeNat(),
  iteration: fc.nat(PER_STEP - 1),
  first: index,
  samples: fc.integer({ min: 2, max: 5 }),
});
/** Runs of as many batches at most as a replica computes in a round. */
const runs = fc
  .array(
    fc.tuple(batch, fc.integer({ min: 1, max: LOCAL_STEPS * PER_STEP })).map(([first, count]): Run => {
      return count === 1 ? first : { ...first, count };
    }),
    { minLength: 1, maxLength: 6 },
  )
  .filter((all) => all.reduce((sum, run) => sum + countOf(run), 0) <= LOCAL_STEPS * PER_STEP);
const alone = fc.constant(true as const);
/** Of a shard, or of a replica. */
const unitWork = fc
  .oneof(
    fc.record({ round: fc.nat(LOCAL_FROM - 1), batches: fc.tuple(batch) }),
    fc.record({ round: fc.integer({ min: LOCAL_FROM, max: Number.MAX_SAFE_INTEGER }), batches: runs }),
  )
  .chain(({ round: of, batches }) => {
    const most = samplesOf(batches);
    return fc.record(
      { type: is('assign'), round: fc.constant(of), index, batches: fc.constant(batches), sent: fc.nat(most), alone },
      { requiredKeys: ['type', 'round', 'index', 'batches'] },
    );
  });
const decay = fc.double({ min: 0, max: 0.99, noNaN: true }).map((x) => x + 0);
/** In float32. */
const positive = fc.float({ min: Math.fround(1e-30), noNaN: true, noDefaultInfinity: true });
const schedule = fc.oneof(
  fc.record({ kind: is('constant'), warmUpSteps: fc.maxSafeNat() }),
  fc.record({
    kind: is('cosine'),
    warmUpSteps: fc.maxSafeNat(),
    steps: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    finalFraction: fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0),
  }),
);
const common = { schedule, clipNorm: positive };
const optimizer = fc.oneof(
  fc.record(
    { name: is('adam'), learningRate: positive, beta1: decay, beta2: decay, epsilon: positive, ...common },
    { requiredKeys: ['name', 'learningRate', 'beta1', 'beta2', 'epsilon'] },
  ),
  fc.record(
    { name: is('sgd'), learningRate: positive, momentum: decay, ...common },
    { requiredKeys: ['name', 'learningRate', 'momentum'] },
  ),
  fc.record(
    { name: is('rmsprop'), learningRate: positive, rho: decay, epsilon: positive, ...common },
    { requiredKeys: ['name', 'learningRate', 'rho', 'epsilon'] },
  ),
);
const training = fc.record({
  wire: fc.constantFrom(...WIRES),
  localSteps: fc.integer({ min: 1, max: 4096 }),
  localFrom: round,
  flip: fc.boolean(),
  optimizers: fc.dictionary(
    networkName.filter((name) => name !== '__proto__'),
    optimizer,
    { maxKeys: 3, noNullPrototype: true },
  ),
});
const protocol = fc.constant(PROTOCOL_VERSION);

export const messages: { [Type in Message['type']]: fc.Arbitrary<MessageOf<Type>> } = {
  hello: fc.record(
    {
      type: is('hello'),
      protocol,
      name: text(64),
      identity: fc.stringMatching(/^[\w-]{22,64}$/),
      engine: fc.stringMatching(/^[a-z0-9-]{1,32}$/),
      device: text(32),
      threads: fc.integer({ min: 1, max: 1024 }),
      imageCacheBytes: fc.integer({ min: 1, max: 2 ** 30 }),
      gantry: text(32),
    },
    { requiredKeys: ['type', 'protocol', 'name', 'identity', 'engine', 'device', 'threads', 'gantry'] },
  ),
  ready: fc.record({
    type: is('ready'),
    manifest: sha256,
    program: sha256,
    numericClass: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
    probe: hex(16, 64),
  }),
  computed: fc.record({ type: is('computed'), round, index, computeMs: ms, waitMs: ms }),
  progress: fc.record({ type: is('progress'), round, index, batches: fc.integer({ min: 1, max: 2 ** 20 }) }),
  result: fc.record({
    type: is('result'),
    round,
    level: fc.nat(16),
    index,
    samples: fc.integer({ min: 2, max: 2 ** 24 }),
    computeMs: ms,
    waitMs: ms,
  }),
  failure: fc.record(
    { type: is('failure'), code: errorCode, message: explanation, round, index },
    { requiredKeys: ['type', 'code', 'message'] },
  ),
  leaving: fc.record({ type: is('leaving') }),
  welcome: fc.record({
    type: is('welcome'),
    protocol,
    run: text(200),
    seed: fc.maxSafeNat(),
    heartbeatMs: fc.integer({ min: 1, max: 3_600_000 }),
    manifest,
    training,
    programs: fc.array(
      fc.record({
        phase: tensorName,
        samples: shardSamples,
        bytes: fc.integer({ min: 1, max: MAX_PAYLOAD_BYTES }),
        sha256,
      }),
      { maxLength: 16 },
    ),
  }),
  program: fc.constantFrom(...WELCOME.programs).map(({ phase: name, samples }) => {
    return { type: 'program', phase: name, samples };
  }),
  weights: fc.record({ type: is('weights'), round }),
  update: fc.record({ type: is('update'), round, checksum: hex(16, 16) }),
  assign: unitWork,
  cancel: fc.record({ type: is('cancel'), round, index }),
  bye: fc.record({ type: is('bye'), reason: fc.constantFrom('finished', 'stopped', 'dropped'), message: explanation }),
  error: fc.record({ type: is('error'), code: errorCode, message: explanation }),
};
export const optionalFields: { readonly [Type in Message['type']]?: Partial<MessageOf<Type>> } = {
  hello: { imageCacheBytes: 1 },
  failure: { round: 1, index: 1 },
  assign: { sent: 0, alone: true },
};
export const types = Object.keys(messages) as Message['type'][];
export const fromWorker = new Set<Message['type']>([
  'hello',
  'ready',
  'computed',
  'progress',
  'result',
  'failure',
  'leaving',
]);

/** What is published: six parameters, and in rounds of local steps as many roots of second moments. */
function publishedNumbers(of: number): number {
  return of < LOCAL_FROM ? 2 * 3 : 2 * 2 * 3;
}

export function payloadBytes(message: Message): number {
  switch (message.type) {
    case 'result':
      return resultBytes(message.round);
    case 'weights':
      return 4 * publishedNumbers(message.round);
    case 'update': {
      // One byte for each number, and an exponent for all of them; zeros up to a multiple of 4.
      const numbers = publishedNumbers(message.round);
      return Math.ceil((numbers + 1) / 4) * 4;
    }
    case 'program': {
      const { phase: name, samples } = message;
      return WELCOME.programs.find((each) => each.phase === name && each.samples === samples)?.bytes ?? NaN;
    }
    case 'assign': {
      const samples = samplesOf(message.batches);
      return message.sent === undefined ? samples * SAMPLE_BYTES : 4 * samples + message.sent * SAMPLE_BYTES;
    }
    default:
      return 0;
  }
}

export function payloadFor(message: Message): Uint8Array {
  return Uint8Array.from({ length: payloadBytes(message) }, (_, i) => 31 * i + 7);
}

export function decode(type: Message['type'], frame: Uint8Array): Received<Message> {
  return fromWorker.has(type) ? decodeFromWorker(frame, resultBytes) : decodeFromCoordinator(frame, WELCOME);
}

/** The code of the refusal, which must be short; undefined where there is none. @throws whatever else is thrown */
export function refusal(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (!(error instanceof GantryError) || error.message.length >= 500) throw error;
    return error.code;
  }
  return undefined;
}

export function example<Type extends Message['type']>(type: Type): MessageOf<Type> {
  return fc.sample(messages[type], { numRuns: 1, seed: 1 })[0] as MessageOf<Type>;
}

/** The frame with its bytes moved to an address that is `offset` past a multiple of 8. */
export function movedTo(offset: number, frame: Uint8Array): Uint8Array {
  const moved = new Uint8Array(frame.length + offset).subarray(offset);
  moved.set(frame);
  return moved;
}
