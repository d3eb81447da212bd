import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, GantryError } from '../errors.ts';
import { WIRES } from '../wire/wire.ts';
import { decodeFromCoordinator, decodeFromWorker, encodeFrame, floatsOf, type Received } from './codec.ts';
import { MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, layFrame, sealFrame } from './frame.ts';
import type { Message, MessageOf } from './messages.ts';
import { plainText } from './text.ts';

/** Bytes of a contribution: others in each round. */
const resultBytes = (round: number) => 20 + 4 * (round % 3);
/** Rounds before it are synchronous, with units of one batch. */
const LOCAL_FROM = 1000;
const LOCAL_STEPS = 3;
/** Batches that a step of the welcome's model takes. */
const PER_STEP = 4;
const SAMPLE_BYTES = 4 * 7;
const WELCOME: MessageOf<'welcome'> = {
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
type Run = MessageOf<'assign'>['batches'][number];
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

const messages: { [Type in Message['type']]: fc.Arbitrary<MessageOf<Type>> } = {
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
const optionalFields: { readonly [Type in Message['type']]?: Partial<MessageOf<Type>> } = {
  hello: { imageCacheBytes: 1 },
  failure: { round: 1, index: 1 },
  assign: { sent: 0, alone: true },
};
const types = Object.keys(messages) as Message['type'][];
const fromWorker = new Set<Message['type']>(['hello', 'ready', 'computed', 'progress', 'result', 'failure', 'leaving']);

/** What is published: six parameters, and in rounds of local steps as many roots of second moments. */
function publishedNumbers(of: number): number {
  return of < LOCAL_FROM ? 2 * 3 : 2 * 2 * 3;
}

function payloadBytes(message: Message): number {
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

function payloadFor(message: Message): Uint8Array {
  return Uint8Array.from({ length: payloadBytes(message) }, (_, i) => 31 * i + 7);
}

function decode(type: Message['type'], frame: Uint8Array): Received<Message> {
  return fromWorker.has(type) ? decodeFromWorker(frame, resultBytes) : decodeFromCoordinator(frame, WELCOME);
}

/** The code of the refusal, or undefined where there is none; any other error fails the test. */
function refusal(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
    expect((error as GantryError).message.length).toBeLessThan(500);
    return (error as GantryError).code;
  }
  return undefined;
}

function example<Type extends Message['type']>(type: Type): MessageOf<Type> {
  return fc.sample(messages[type], { numRuns: 1, seed: 1 })[0] as MessageOf<Type>;
}

/** The frame with its bytes moved to an address that is `offset` past a multiple of 8. */
function movedTo(offset: number, frame: Uint8Array): Uint8Array {
  const moved = new Uint8Array(frame.length + offset).subarray(offset);
  moved.set(frame);
  return moved;
}

describe.each(types)('message %s', (type) => {
  it('comes back with its payload, wherever the frame lies in memory', () => {
    fc.assert(
      fc.property(messages[type], fc.nat(7), (message, offset) => {
        const frame = movedTo(offset, encodeFrame(message, payloadFor(message)));
        const received = decode(type, frame);
        expect(received.message).toEqual(message);
        expect(received.payload).toEqual(payloadFor(message));
        expect(received.payload.buffer).toBe(frame.buffer);
        expect((received.payload.byteOffset - offset) % 8).toBe(0);
      }),
    );
  });

  it('is encoded to the same bytes whatever the order of its keys', () => {
    fc.assert(
      fc.property(messages[type], (message) => {
        const reordered = Object.fromEntries(Object.entries(message).toReversed()) as Message;
        expect(encodeFrame(reordered, payloadFor(message))).toEqual(encodeFrame(message, payloadFor(message)));
      }),
      { numRuns: 20 },
    );
  });

  it('is refused when cut off anywhere or continued', () => {
    const frame = encodeFrame(example(type), payloadFor(example(type)));
    for (let length = 0; length < frame.length; length++) {
      expect(refusal(() => decode(type, frame.subarray(0, length)))).toBe('E_CHECKSUM');
    }
    const longer = Uint8Array.of(...frame, 0);
    expect(refusal(() => decode(type, longer))).toBe('E_CHECKSUM');
    sealFrame(longer);
    expect(refusal(() => decode(type, longer))).toBe('E_BAD_SHAPE');
  });

  it('is known to be damaged with one changed byte, wherever that is', () => {
    const frame = encodeFrame(example(type), payloadFor(example(type)));
    for (let at = 0; at < frame.length; at++) {
      for (const change of [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff]) {
        const damaged = frame.with(at, (frame[at] ?? 0) ^ change);
        expect([at, change, refusal(() => decode(type, damaged))]).toEqual([at, change, 'E_CHECKSUM']);
      }
    }
  });

  it('with one changed byte and the right checksum is refused, or is another valid message', () => {
    const frame = encodeFrame(example(type), payloadFor(example(type)));
    const end = frame.length - payloadBytes(example(type));
    for (let at = 0; at < end; at++) {
      for (const change of [1, 2, 0x10, 0x20, 0x40, 0x80, 0xff]) {
        const changed = frame.with(at, (frame[at] ?? 0) ^ change);
        sealFrame(changed);
        refusal(() => {
          const { message, payload } = decode(type, changed);
          expect(decode(type, encodeFrame(message, payload)).message).toEqual(message);
        });
      }
    }
  });

  it('is refused when a field is missing, of another type or unknown', () => {
    const valid = { ...example(type), ...optionalFields[type] } as Message;
    const bytes = payloadBytes(valid);
    const outcome = (header: object, length = bytes) =>
      refusal(() => decode(type, layFrame(header, new Uint8Array(length))));
    expect(outcome(valid)).toBeUndefined();
    for (const field of Object.keys(valid)) {
      // An explanation may be any string.
      const strings = field === 'message' ? [] : ['', '\n', 'x\n'.repeat(9000)];
      for (const wrong of [null, true, {}, [null], -1, Number.NaN, Infinity, 2 ** 53, ...strings]) {
        if (field === 'alone' && wrong === true) continue;
        expect([field, wrong, outcome({ ...valid, [field]: wrong })]).toEqual([field, wrong, 'E_PROTOCOL']);
      }
      const { [field]: _, ...rest } = valid as Record<string, unknown>;
      const isOptional = field in (optionalFields[type] ?? {});
      const length = isOptional ? payloadBytes(rest as Message) : bytes;
      expect([field, outcome(rest, length)]).toEqual([field, isOptional ? undefined : 'E_PROTOCOL']);
    }
    for (const key of ['extra', 'constructor', 'toString', '', 'x'.repeat(200)]) {
      expect(outcome({ ...valid, [key]: 1 })).toBe('E_PROTOCOL');
      expect(refusal(() => encodeFrame({ ...valid, [key]: 1 }, new Uint8Array(bytes)))).toBe('E_PROTOCOL');
    }
  });

  it('is refused in the other direction', () => {
    const frame = encodeFrame(example(type), payloadFor(example(type)));
    expect(refusal(() => decode(fromWorker.has(type) ? 'welcome' : 'hello', frame))).toBe('E_PROTOCOL');
  });

  it('is refused with a payload of another length', () => {
    const bytes = payloadBytes(example(type));
    for (const wrong of [bytes + 1, bytes + 4, bytes + 8, Math.max(0, bytes - 4)].filter((n) => n !== bytes)) {
      expect(refusal(() => decode(type, layFrame(example(type), new Uint8Array(wrong))))).toBe('E_BAD_SHAPE');
    }
  });
});

const WEIGHTS: MessageOf<'weights'> = { type: 'weights', round: 3 };

describe('encodeFrame', () => {
  it('refuses payloads that the message rules out', () => {
    expect(refusal(() => encodeFrame(example('hello'), new Uint8Array(8)))).toBe('E_BAD_SHAPE');
    expect(refusal(() => encodeFrame(example('weights'), new Uint8Array(MAX_PAYLOAD_BYTES + 1)))).toBe('E_TOO_LARGE');
  });

  it('copies a view with its own offset', () => {
    const floats = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7).subarray(1, 7);
    expect(floatsOf(decode('weights', encodeFrame(WEIGHTS, floats)).payload)).toEqual(floats);
  });
});

describe('floatsOf', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('reads a frame at byte offset %i, in place where it is aligned', (offset) => {
    const floats = Float32Array.of(1.5, -2, 3, 4, 5, 6e-30);
    const { payload } = decode('weights', movedTo(offset, encodeFrame(WEIGHTS, floats)));
    expect(floatsOf(payload)).toEqual(floats);
    expect(floatsOf(payload).buffer === payload.buffer).toBe(offset % 4 === 0);
  });

  it('refuses a fraction of a number', () => {
    expect(refusal(() => floatsOf(new Uint8Array(6)))).toBe('E_BAD_SHAPE');
  });
});

describe('refusals', () => {
  it.each([
    // What it has for a checksum is anything.
    [
      'the frame',
      encodeFrame({ ...WELCOME })
        .with(2, 9)
        .fill(7, 8, 16),
    ],
    ['welcome', layFrame({ ...WELCOME, protocol: 9 })],
  ])('name both versions when %s is of another', (_, frame) => {
    const greet = () => decodeFromCoordinator(frame, undefined);
    expect(refusal(greet)).toBe('E_VERSION');
    expect(greet).toThrow(new RegExp(`version 9.* version ${PROTOCOL_VERSION}:`));
  });

  it('call what is no frame damaged only where frames have come before', () => {
    const noise = new TextEncoder().encode('GET / HTTP/1.1');
    expect(refusal(() => decodeFromCoordinator(noise, undefined))).toBe('E_PROTOCOL');
    expect(refusal(() => decodeFromWorker(noise, undefined))).toBe('E_PROTOCOL');
    expect(refusal(() => decodeFromCoordinator(noise, WELCOME))).toBe('E_CHECKSUM');
    expect(refusal(() => decodeFromWorker(noise, resultBytes))).toBe('E_CHECKSUM');
  });

  it('hold limits before reading', () => {
    const header = layFrame({ type: 'leaving' });
    header.set([1, 0, 1, 0], 4); // 65,537
    sealFrame(header);
    expect(refusal(() => decode('leaving', header))).toBe('E_TOO_LARGE');
    expect(refusal(() => layFrame({ a: 'x'.repeat(40_000), b: 'x'.repeat(40_000) }))).toBe('E_TOO_LARGE');
    const large = new Uint8Array(MAX_FRAME_BYTES + 8);
    large.set(encodeFrame({ type: 'leaving' }));
    sealFrame(large);
    expect(refusal(() => decode('leaving', large))).toBe('E_TOO_LARGE');
  });

  it('cover the padding', () => {
    const frame = encodeFrame({ type: 'leaving' });
    expect(frame.length).toBe(32);
    frame[31] = 1;
    sealFrame(frame);
    expect(refusal(() => decode('leaving', frame))).toBe('E_PROTOCOL');
  });

  it('cover weights and programs that no welcome has announced', () => {
    const early = encodeFrame(example('weights'), payloadFor(example('weights')));
    expect(refusal(() => decodeFromCoordinator(early, undefined))).toBe('E_PROTOCOL');
    for (const [name, samples] of [
      ['step', 4],
      ['other', 3],
      ['none', 2],
    ] as const) {
      const unknown = encodeFrame({ type: 'program', phase: name, samples }, new Uint8Array(13));
      expect(refusal(() => decode('program', unknown))).toBe('E_PROTOCOL');
    }
  });

  it('cover rounds of local steps without an optimizer for each network', () => {
    const [kernel] = WELCOME.manifest.trainable;
    const [step] = WELCOME.manifest.phases;
    if (!kernel || !step) throw new Error('the model has a parameter and a phase');
    for (const network of ['critic', 'constructor']) {
      const welcome = {
        ...WELCOME,
        manifest: {
          ...WELCOME.manifest,
          trainable: [{ ...kernel, name: `${network}/k` }],
          phases: [{ ...step, updates: [network] }],
        },
      };
      const frame = encodeFrame({ ...WEIGHTS, round: LOCAL_FROM }, new Uint8Array(24));
      expect(refusal(() => decodeFromCoordinator(frame, welcome))).toBe('E_MANIFEST');
      const synchronous = { ...welcome, training: { ...WELCOME.training, localSteps: 1, optimizers: {} } };
      expect(refusal(() => decodeFromCoordinator(frame, synchronous))).toBeUndefined();
    }
  });

  const FIRST: Run = { step: 7, iteration: 1, first: 4, samples: 2 };
  const ASSIGN: MessageOf<'assign'> = { type: 'assign', round: LOCAL_FROM, index: 1, batches: [FIRST] };
  /** What becomes of an assignment that comes with as many bytes as it says. */
  const assigned = (change: Partial<MessageOf<'assign'>>) => {
    const message: MessageOf<'assign'> = { ...ASSIGN, ...change };
    const length = Math.min(MAX_PAYLOAD_BYTES, Math.max(0, payloadBytes(message)));
    return refusal(() => decode('assign', layFrame(message, new Uint8Array(length))));
  };

  it('cover an assignment of no batch, and of what no step has', () => {
    expect(assigned({})).toBeUndefined();
    for (const batches of [
      [],
      [{ ...FIRST, iteration: PER_STEP }],
      [{ ...FIRST, iteration: 2 ** 16 }],
      [{ ...FIRST, first: -1 }],
      [{ ...FIRST, samples: 1 }],
      [{ ...FIRST, count: 0 }],
      [{ ...FIRST, count: 1 }],
      [{ ...FIRST, count: 2 ** 20 + 1 }],
      [FIRST, { ...FIRST, iteration: PER_STEP }],
    ]) {
      expect(assigned({ batches })).toBe('E_PROTOCOL');
    }
  });

  it('cover an assignment of more batches than its round has', () => {
    const most = LOCAL_STEPS * PER_STEP;
    for (const [batches, count] of [
      [[{ ...FIRST, count: 2 }], 2],
      [[FIRST, FIRST], 2],
      [[{ ...FIRST, count: most }], most],
      [[{ ...FIRST, count: most - 1 }, FIRST], most],
      [[{ ...FIRST, count: most }, FIRST], most + 1],
      [[{ ...FIRST, count: most + 1 }], most + 1],
      [[{ ...FIRST, count: 2 ** 20 }], 2 ** 20],
      [Array.from({ length: most }, () => FIRST), most],
      [Array.from({ length: 17 }, () => FIRST), 17],
    ] as const) {
      const change = { batches: [...batches] };
      expect([count, assigned(change)]).toEqual([count, count <= most ? undefined : 'E_PROTOCOL']);
      expect([count, assigned({ ...change, round: LOCAL_FROM - 1 })]).toEqual([count, 'E_PROTOCOL']);
    }
  });

  it('cover an assignment with data of more samples than it has', () => {
    expect(assigned({ sent: 2 })).toBeUndefined();
    for (const sent of [3, -1, 0.5, 2 ** 24, 2 ** 24 + 1]) expect(assigned({ sent })).toBe('E_PROTOCOL');
  });

  it('cover an assignment whose payload is that of another number of sent samples', () => {
    for (const [sent, bytes] of [
      [undefined, 8 + 2 * SAMPLE_BYTES],
      [0, 2 * SAMPLE_BYTES],
      [1, 8 + 2 * SAMPLE_BYTES],
      [2, 8 + SAMPLE_BYTES],
    ] as const) {
      const message = sent === undefined ? ASSIGN : { ...ASSIGN, sent };
      expect(refusal(() => decode('assign', layFrame(message, new Uint8Array(bytes))))).toBe('E_BAD_SHAPE');
    }
  });

  it('are the only outcome of bytes that are no message', () => {
    const prefix = fc.nat(80).map((bytes) => [0x47, 0x54, PROTOCOL_VERSION, 0, bytes, ...Array<number>(11).fill(0)]);
    fc.assert(
      fc.property(fc.oneof(fc.constant([]), prefix), fc.uint8Array({ maxLength: 200 }), (start, rest) => {
        const frame = Uint8Array.of(...start, ...rest);
        if (frame.length >= 16) sealFrame(frame);
        expect(refusal(() => decode('hello', frame))).toMatch(/^E_/);
        expect(refusal(() => decode('welcome', frame))).toMatch(/^E_/);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('text', () => {
  const hidden = '\u202e\u200b\u2066\ufeff\u0000\n\u001b\u0085\u2028\u00ad\u3164\ue000\ud800\u{e0041}';

  it('loses what cannot be seen, on either side', () => {
    const hello = { ...example('hello'), name: ` ${hidden}Gr\u200bün${hidden} 7 ` };
    expect(decode('hello', encodeFrame(hello)).message).toMatchObject({ name: 'Grün 7' });
    const frame = layFrame({ ...hello, name: `${hidden.replace('\ud800', '')}Grün 7` });
    expect(decode('hello', frame).message).toMatchObject({ name: 'Grün 7' });
  });

  it('must leave something of a name', () => {
    expect(refusal(() => encodeFrame({ ...example('hello'), name: hidden }))).toBe('E_PROTOCOL');
    expect(refusal(() => encodeFrame({ ...example('hello'), name: 'x'.repeat(65) }))).toBe('E_PROTOCOL');
  });

  it('is cut where it explains, so that it arrives', () => {
    const failure: Message = { type: 'failure', code: 'E_ENGINE', message: `${'x'.repeat(999)}🙂` };
    expect(decode('failure', encodeFrame(failure)).message).toMatchObject({ message: 'x'.repeat(999) });
  });
});
