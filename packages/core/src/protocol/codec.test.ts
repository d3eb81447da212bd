import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, GantryError } from '../errors.ts';
import { decodeFromCoordinator, decodeFromWorker, encodeFrame, floatsOf, type Received } from './codec.ts';
import { MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, layFrame, sealFrame } from './frame.ts';
import type { Message, MessageOf } from './messages.ts';
import { plainText } from './text.ts';

/** Numbers of a contribution: another for each round. */
const lengthOf = (round: number) => 5 + (round % 3);
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
        times: 4,
        updates: ['generator'],
        inputs: [{ name: 'images', shape: [4, 7], from: 'data' }],
        sums: ['loss'],
      },
    ],
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
const round = fc.maxSafeNat();
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
const batch = fc.record({
  step: fc.maxSafeNat(),
  // Steps of the welcome's manifest have four rounds.
  iteration: fc.nat(3),
  first: index,
  samples: fc.integer({ min: 2, max: 5 }),
});
const protocol = fc.constant(PROTOCOL_VERSION);

const messages: { [Type in Message['type']]: fc.Arbitrary<MessageOf<Type>> } = {
  hello: fc.record({
    type: is('hello'),
    protocol,
    name: text(64),
    identity: fc.stringMatching(/^[\w-]{22,64}$/),
    engine: fc.stringMatching(/^[a-z0-9-]{1,32}$/),
    device: text(32),
    threads: fc.integer({ min: 1, max: 1024 }),
    gantry: text(32),
  }),
  ready: fc.record({
    type: is('ready'),
    manifest: sha256,
    program: sha256,
    numericClass: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
    probe: hex(16, 64),
  }),
  computed: fc.record({ type: is('computed'), round, index, computeMs: ms, waitMs: ms }),
  result: fc.record({
    type: is('result'),
    round,
    level: fc.nat(16),
    index,
    samples: fc.integer({ min: 2, max: 60_000 }),
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
  assign: fc.record(
    {
      type: is('assign'),
      round,
      index,
      batches: fc.array(batch, { minLength: 1, maxLength: 1 }),
      alone: fc.constant(true as const),
    },
    { requiredKeys: ['type', 'round', 'index', 'batches'] },
  ),
  cancel: fc.record({ type: is('cancel'), round, index }),
  bye: fc.record({ type: is('bye'), reason: fc.constantFrom('finished', 'stopped', 'dropped'), message: explanation }),
  error: fc.record({ type: is('error'), code: errorCode, message: explanation }),
};
const types = Object.keys(messages) as Message['type'][];
const fromWorker = new Set<Message['type']>(['hello', 'ready', 'computed', 'result', 'failure', 'leaving']);

function payloadBytes(message: Message): number {
  if (message.type === 'result') return lengthOf(message.round) * 4;
  if (message.type === 'weights') return 2 * 3 * 4;
  if (message.type === 'program') {
    const { phase: name, samples } = message;
    return WELCOME.programs.find((each) => each.phase === name && each.samples === samples)?.bytes ?? NaN;
  }
  return message.type === 'assign' ? message.batches.reduce((sum, { samples }) => sum + samples, 0) * 4 * 7 : 0;
}

function payloadFor(message: Message): Uint8Array {
  return Uint8Array.from({ length: payloadBytes(message) }, (_, i) => 31 * i + 7);
}

function decode(type: Message['type'], frame: Uint8Array): Received<Message> {
  return fromWorker.has(type) ? decodeFromWorker(frame, lengthOf) : decodeFromCoordinator(frame, WELCOME);
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
    const valid: Message = type === 'failure' ? { ...example(type), round: 1, index: 1 } : example(type);
    const bytes = payloadBytes(valid);
    const outcome = (header: object) => refusal(() => decode(type, layFrame(header, new Uint8Array(bytes))));
    expect(outcome(valid)).toBeUndefined();
    for (const field of Object.keys(valid)) {
      // An explanation may be any string.
      const strings = field === 'message' ? [] : ['', '\n', 'x\n'.repeat(9000)];
      for (const wrong of [null, true, {}, [null], -1, Number.NaN, Infinity, 2 ** 53, ...strings]) {
        expect([field, wrong, outcome({ ...valid, [field]: wrong })]).toEqual([field, wrong, 'E_PROTOCOL']);
      }
      const { [field]: _, ...rest } = valid as Record<string, unknown>;
      const optional = type === 'failure' && (field === 'round' || field === 'index');
      expect([field, outcome(rest)]).toEqual([field, optional ? undefined : 'E_PROTOCOL']);
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

describe('encodeFrame', () => {
  it('refuses payloads that the message rules out', () => {
    expect(refusal(() => encodeFrame(example('hello'), new Uint8Array(8)))).toBe('E_BAD_SHAPE');
    expect(refusal(() => encodeFrame(example('weights'), new Uint8Array(MAX_PAYLOAD_BYTES + 1)))).toBe('E_TOO_LARGE');
  });

  it('copies a view with its own offset', () => {
    const floats = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7).subarray(1, 7);
    expect(floatsOf(decode('weights', encodeFrame(example('weights'), floats)).payload)).toEqual(floats);
  });
});

describe('floatsOf', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('reads a frame at byte offset %i, in place where it is aligned', (offset) => {
    const floats = Float32Array.of(1.5, -2, 3, 4, 5, 6e-30);
    const { payload } = decode('weights', movedTo(offset, encodeFrame(example('weights'), floats)));
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
    expect(refusal(() => decodeFromWorker(noise, lengthOf))).toBe('E_CHECKSUM');
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

  it('cover an assignment of no batch, of several, and of rounds that no step has', () => {
    const assign = example('assign');
    const [first] = assign.batches;
    if (!first) throw new Error('an assignment has a batch');
    for (const batches of [
      [],
      [first, first],
      [{ ...first, iteration: 4 }],
      [{ ...first, iteration: 2 ** 16 }],
      [{ ...first, first: -1 }],
    ]) {
      const frame = layFrame({ ...assign, batches }, new Uint8Array(payloadBytes(assign)));
      expect(refusal(() => decode('assign', frame))).toBe('E_PROTOCOL');
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
