import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../errors.ts';
import { Assembly, encodeFrames, framesAround, type BulkMessage } from './chunks.ts';
import { decodeFromCoordinator, decodeFromWorker, encodeFrame, type Received } from './codec.ts';
import { MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, allocatePayload } from './frame.ts';
import { encodedBytes } from '../wire/wire.ts';
import type { Message, MessageOf } from './messages.ts';

const CANCEL: Message = { type: 'cancel', round: 3, index: 1 };

/** A run whose weights take so many numbers, and whose samples and program so many bytes. */
function welcomeOf(numbers: number, bytes: number): MessageOf<'welcome'> {
  return {
    type: 'welcome',
    protocol: PROTOCOL_VERSION,
    run: 'a run',
    seed: 7,
    heartbeatMs: 1000,
    manifest: {
      model: 'm',
      trainable: [{ name: 'n/k', shape: [numbers], initializer: { kind: 'constant', value: 0 } }],
      movingStatistics: [],
      phases: [
        { name: 'p', times: 1, updates: ['n'], inputs: [{ name: 'images', shape: [bytes], from: 'data' }], sums: [] },
      ],
    },
    training: { wire: 'bfloat16', localSteps: 1, localFrom: 0, flip: false, optimizers: {} },
    programs: [{ phase: 'p', samples: 2, bytes, sha256: '0'.repeat(64) }],
  };
}

const RESULT: MessageOf<'result'> = {
  type: 'result',
  round: 3,
  level: 0,
  index: 1,
  samples: 2,
  computeMs: 1,
  waitMs: 0,
};

/** One message to a worker with its payload, of a run with so many numbers and bytes. */
function bulk(type: BulkMessage['type'], numbers: number, bytes: number): [BulkMessage, number] {
  switch (type) {
    case 'program':
      return [{ type, phase: 'p', samples: 2 }, bytes];
    case 'weights':
      return [{ type, round: 3 }, 4 * numbers];
    case 'update':
      return [{ type, round: 3, checksum: '0'.repeat(16) }, encodedBytes('bfloat16', numbers, numbers)];
    case 'assign':
      return [{ type, round: 3, index: 1, batches: [{ step: 3, iteration: 0, first: 2, samples: 2 }] }, 2 * bytes];
    case 'result':
      return [RESULT, 4 * numbers];
  }
}

const payloadOf = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => 31 * i + seed);

/** In memory that leaves room for a header. */
function roomy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const payload = allocatePayload(bytes.length);
  payload.set(bytes);
  return payload;
}

function refusal(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
    return (error as GantryError).code;
  }
  return undefined;
}

const chunkBytes = fc.integer({ min: 1, max: 8 }).map((n) => 4 * n);
const size = fc.integer({ min: 1, max: 40 });

describe('messages in several frames', () => {
  it('come back as they were, whatever their lengths and what comes in between', () => {
    const one = fc.record({
      type: fc.constantFrom('program' as const, 'weights' as const, 'update' as const, 'assign' as const),
      inPlace: fc.boolean(),
      seed: fc.nat(255),
      /** Before which frames another message comes. */
      interrupted: fc.array(fc.boolean(), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), chunkBytes, size, size, (sent, chunk, numbers, bytes) => {
        const welcome = welcomeOf(numbers, bytes);
        const assembly = new Assembly<Message>();
        const got: Received<Message>[] = [];
        const take = (frame: Uint8Array) => {
          const whole = assembly.add(decodeFromCoordinator(frame, welcome, chunk));
          if (whole) got.push(whole);
        };
        for (const { type, inPlace, seed, interrupted } of sent) {
          const [message, length] = bulk(type, numbers, bytes);
          const payload = payloadOf(length, seed);
          const frames = inPlace
            ? framesAround(message, roomy(payload), [], chunk)
            : encodeFrames(message, payload, chunk);
          expect(frames).toHaveLength(Math.ceil(length / chunk));
          frames.forEach((frame, i) => {
            if (interrupted[i]) take(encodeFrame(CANCEL));
            take(frame);
          });
          const { message: last, payload: whole } = got.at(-1) ?? {};
          expect(last).toEqual(message);
          expect(whole).toEqual(payload);
        }
        expect(got.filter(({ message }) => message.type !== 'cancel')).toHaveLength(sent.length);
      }),
    );
  });

  it('are cut alike, whatever was copied to the same memory before', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 6 }), (sizes) => {
        const copies: Uint8Array<ArrayBuffer>[] = [];
        for (const numbers of sizes) {
          const payload = payloadOf(4 * numbers, numbers);
          const expected = encodeFrames({ type: 'weights', round: 1 }, payload, 8);
          expect(framesAround({ type: 'weights', round: 1 }, roomy(payload), copies, 8)).toEqual(expected);
        }
      }),
    );
  });

  it('use memory for copies again', () => {
    const copies: Uint8Array<ArrayBuffer>[] = [];
    const payload = roomy(payloadOf(20, 1));
    const [, second] = framesAround({ type: 'weights', round: 1 }, payload, copies, 8);
    const again = framesAround({ type: 'weights', round: 2 }, payload, copies, 8);
    expect(copies).toHaveLength(2);
    expect(again[1]?.buffer).toBe(second?.buffer);
    expect(again[0]?.buffer).toBe(payload.buffer);
  });
});

/** Frames of a result of 24 bytes, cut every 8. */
const frames = encodeFrames(RESULT, payloadOf(24, 0), 8);

/** What becomes of frames one after another: whole messages, or the code of the first refusal. */
function outcome(sent: readonly (Uint8Array | undefined)[]): string | number | undefined {
  const assembly = new Assembly<Message>();
  let whole = 0;
  const code = refusal(() => {
    for (const frame of sent) if (frame && assembly.add(decodeFromWorker(frame, () => 24, 8))) whole++;
  });
  return code ?? whole;
}

describe('wrong frames', () => {
  const [first, second, third] = frames;
  const other = encodeFrames({ ...RESULT, index: 2 }, payloadOf(24, 0), 8);
  const part = (offset: number, length: number) => encodeFrame({ ...RESULT, offset }, new Uint8Array(length));

  it.each<[string, readonly (Uint8Array | undefined)[], string | number]>([
    ['none', [first, second, third, first, second, third], 2],
    ['the first one missing', [second], 'E_PROTOCOL'],
    ['one missing', [first, third], 'E_PROTOCOL'],
    ['one twice', [first, second, second], 'E_PROTOCOL'],
    ['the first one again', [first, first], 'E_PROTOCOL'],
    ['one too many', [first, second, third, part(24, 8)], 'E_BAD_SHAPE'],
    ['another message in between', [first, other[0]], 'E_PROTOCOL'],
    ["another message's frame", [first, other[1]], 'E_PROTOCOL'],
    ['a place between two cuts', [first, part(4, 8)], 'E_BAD_SHAPE'],
    ['an overlap', [first, part(8, 16)], 'E_BAD_SHAPE'],
    ['a short one', [first, part(8, 4)], 'E_BAD_SHAPE'],
    ['a short first one', [encodeFrame(RESULT, new Uint8Array(4))], 'E_BAD_SHAPE'],
    ['a long last one', [first, second, part(16, 12)], 'E_BAD_SHAPE'],
    ['all at once', [encodeFrame(RESULT, new Uint8Array(24))], 'E_BAD_SHAPE'],
    ['nothing in it', [first, part(8, 0)], 'E_BAD_SHAPE'],
    ['far beyond the end', [first, part(2 ** 30, 8)], 'E_BAD_SHAPE'],
  ])('are refused: %s', (_, sent, expected) => {
    expect(outcome(sent)).toBe(expected);
  });

  it('are refused in any order but their own', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 1, maxLength: 9 }), (order) => {
        const isRight = order.every((n, i) => n === i % 3);
        expect(outcome(order.map((n) => frames[n]))).toBe(isRight ? Math.floor(order.length / 3) : 'E_PROTOCOL');
      }),
    );
  });

  it('are refused before there is memory for their message', () => {
    const message = { ...RESULT, offset: MAX_PAYLOAD_BYTES };
    const received = { message, payload: new Uint8Array(8), totalBytes: Number.MAX_SAFE_INTEGER };
    expect(refusal(() => new Assembly<Message>().add(received))).toBe('E_PROTOCOL');
    const without = { ...received, message: RESULT };
    expect(refusal(() => new Assembly<Message>().add(without))).toBe('E_TOO_LARGE');
  });
});

describe('a frame', () => {
  it('never holds more than 16 MiB, and what fits is not copied', () => {
    const fits = allocatePayload(MAX_PAYLOAD_BYTES);
    const [only, ...none] = framesAround({ type: 'weights', round: 1 }, fits);
    expect(none).toEqual([]);
    expect(only?.buffer).toBe(fits.buffer);
    const whole = new Assembly<Message>().add(decodeFromCoordinator(only ?? fits, welcomeOf(fits.length / 4, 1)));
    expect(whole?.payload.buffer).toBe(fits.buffer);

    const larger = framesAround({ type: 'weights', round: 1 }, allocatePayload(2 * MAX_PAYLOAD_BYTES + 4));
    expect(larger).toHaveLength(3);
    for (const frame of larger) expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  });
});
