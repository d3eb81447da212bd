import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFromCoordinator, decodeFromWorker, encodeFrame, floatsOf } from './codec.ts';
import { MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, layFrame, sealFrame } from './frame.ts';
import type { Message, MessageOf } from './messages.ts';
import {
  LOCAL_FROM,
  LOCAL_STEPS,
  PER_STEP,
  SAMPLE_BYTES,
  WELCOME,
  type Run,
  decode,
  example,
  fromWorker,
  messages,
  movedTo,
  optionalFields,
  payloadBytes,
  payloadFor,
  refusal,
  resultBytes,
  types,
} from '../testing/messages.ts';

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
