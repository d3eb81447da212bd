import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeEvent, kindOf, terminalLine } from './event-words.ts';
import { EVENT_TYPES, fieldsOf, knownEvent, recordedEvent, type RecordedEvent } from './recorded-event.ts';
import type { EventLine, EventOf, EventType } from './run-event.ts';

const WHEN = { time: '2026-01-01T00:00:00Z', step: 7 };
const cause = 'because';

/** One event of each type, and its words. */
const EXAMPLES: { readonly [T in EventType]: readonly [Omit<EventOf<T>, 'type'>, string] } = {
  started: [{}, 'the run started'],
  resumed: [{ skipped: [] }, 'the run was resumed after step 7'],
  joined: [
    { worker: 'ada', engine: 'onnx', device: 'cpu', class: 'native-1', slots: 1 },
    'ada joined: onnx on cpu (class native-1)',
  ],
  left: [{ worker: 'ada', cause }, 'ada left: because'],
  invalid: [{ worker: 'ada', code: 'E_BAD_SHAPE', cause }, 'an invalid result of ada [E_BAD_SHAPE]: because'],
  damaged: [{ worker: 'ada', cause }, 'damage on the way to or from ada: because'],
  quarantined: [{ worker: 'ada', cause }, 'ada was quarantined: because'],
  requeued: [{ shard: 0, of: 8, worker: 'ada', cause }, 'shard 0 goes from ada to another worker: because'],
  duplicated: [{ shard: 0, from: 'ada', worker: 'bob', cause }, 'shard 0 of ada is computed by bob, too: because'],
  stolen: [{ shard: 0, from: 'ada', worker: 'bob' }, 'bob takes shard 0 over from ada'],
  compared: [
    { shard: 2, workers: ['ada', 'bob'], equal: true },
    'two answers to shard 2 (ada and bob) have the same bits',
  ],
  'bits-differ': [{ shard: 2, workers: ['ada', 'bob'], cause }, 'because'],
  overruled: [{ shard: 2, workers: ['ada'], cause }, 'the coordinator computed shard 2 itself: because'],
  lied: [{ worker: 'ada', shard: 2, first: 4, last: 8, cause }, 'ada lied, and may have from step 4 to 8: because'],
  tainted: [{ worker: 'ada', first: 4, last: 8 }, 'the steps 4 to 8 are in doubt: ada may have had a hand in them'],
  'rolled-back': [
    { worker: 'ada', first: 8, last: 12, lost: 5, cause },
    'the run went back 5 steps, to step 7: ada lied, because',
  ],
  'classes-mixed': [{ classes: ['a1', 'b2'], cause }, 'because'],
  'workers-idle': [{ cause }, 'because'],
  advice: [{ cause }, 'because'],
  waiting: [{ cause, remedy: 'attach one' }, 'waiting: because; attach one'],
  stall: [{ cause, remedy: 'attach one' }, 'stalled: because; attach one'],
  unevaluated: [{ epoch: 3, cause }, 'epoch 3 could not be evaluated: because'],
  'discriminator-won': [{ cause, remedy: 'add dropout' }, 'because; add dropout'],
  'modes-lost': [{ cause, remedy: 'add dropout' }, 'because; add dropout'],
  epoch: [{ epoch: 3, seconds: 2.25 }, 'epoch 3 is done, in 2.3 s'],
  checkpoint: [{}, 'a checkpoint was written'],
  paused: [{ cause }, 'the run paused: because'],
  continued: [{ cause }, 'the run continued: because'],
  diverged: [{ cause }, 'the run diverged: because'],
  stopped: [{}, 'the run stopped'],
  finished: [{}, 'the run is finished'],
};

const exampleOf = (type: EventType) => ({ ...WHEN, type, ...EXAMPLES[type][0] }) as EventLine;

describe('an event', () => {
  it.each(EVENT_TYPES)('of the type %s is known and told in words', (type) => {
    const event = exampleOf(type);
    expect(knownEvent(event)).toBe(event);
    expect(describeEvent(event)).toBe(EXAMPLES[type][1]);
    expect(['workers', 'faults', 'work', 'run']).toContain(kindOf(event));
  });

  it('is told with what some of its type have only', () => {
    const stall = { ...exampleOf('stall'), shard: 0, worker: 'ada' };
    expect(describeEvent(stall)).toBe('stalled on ada, shard 0: because; attach one');
    expect(describeEvent({ ...WHEN, type: 'waiting', cause })).toBe('waiting: because');
    const resumed = { ...exampleOf('resumed'), skipped: ['step-00000009: state.json is damaged', 'step-00000008'] };
    expect(describeEvent(resumed)).toMatch(/after step 7; skipped: step-00000009: .* damaged and step-00000008$/);
    expect(describeEvent({ ...exampleOf('compared'), equal: false })).toMatch(/ differ$/);
  });

  it('deserves a line on the terminal where somebody may have to do something', () => {
    const lines = EVENT_TYPES.map((type) => [type, terminalLine(exampleOf(type))] as const);
    expect(lines.filter(([, line]) => line !== undefined)).toEqual([
      ['joined', 'ada joined: onnx on cpu (class native-1)'],
      ['left', 'ada left: because'],
      ['invalid', 'an invalid result of ada [E_BAD_SHAPE]: because'],
      ['damaged', 'damage on the way to or from ada: because'],
      ['quarantined', 'ada was quarantined: because'],
      ['bits-differ', 'warning: because'],
      ['overruled', 'warning: the coordinator computed shard 2 itself: because'],
      ['lied', 'warning: ada lied, and may have from step 4 to 8: because'],
      ['tainted', 'warning: the steps 4 to 8 are in doubt: ada may have had a hand in them'],
      ['rolled-back', 'warning: the run went back 5 steps, to step 7: ada lied, because'],
      ['classes-mixed', 'warning: because'],
      ['workers-idle', 'warning: because'],
      ['advice', 'because'],
      ['waiting', 'waiting: because; attach one'],
      ['stall', 'stalled: because; attach one'],
      ['unevaluated', 'warning: epoch 3 could not be evaluated: because'],
      ['discriminator-won', 'warning: because; add dropout'],
      ['modes-lost', 'warning: because; add dropout'],
    ]);
  });
});

describe('an event of another version', () => {
  const event = (type: string, details: object): RecordedEvent => ({ ...WHEN, type, ...details });

  it('is told with all of its details', () => {
    const moved = event('moved', { from: 'a', to: ['b', 'c'], fast: false, rack: { row: 2 }, load: null, held: [] });
    const words = 'moved, from a, to b and c, fast false, rack {"row":2}, load null, held none';
    expect([describeEvent(moved), kindOf(moved)]).toEqual([words, 'run']);
  });

  it('may have the name of something that every object has', () => {
    for (const type of ['constructor', '__proto__', 'toString']) {
      expect([describeEvent(event(type, {})), kindOf(event(type, {}))]).toEqual([type, 'run']);
    }
  });

  it('may have more fields than this version knows, and then they are not told', () => {
    expect(describeEvent({ ...exampleOf('left'), rack: 2 })).toBe('ada left: because');
  });

  it('is told with all of its details where a field is missing or of another kind', () => {
    expect(describeEvent(event('joined', { worker: 'ada' }))).toBe('joined, worker ada');
    expect(describeEvent(event('epoch', { epoch: 3, seconds: 'two' }))).toBe('epoch, epoch 3, seconds two');
    expect(kindOf(event('joined', { worker: 'ada' }))).toBe('workers');
  });

  it('never fails to be told, whatever its fields hold', () => {
    const names = [...new Set(EVENT_TYPES.flatMap(fieldsOf))];
    const fields = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.jsonValue());
    const types = fc.oneof(fc.constantFrom<string>(...EVENT_TYPES), fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(types, fields, fc.boolean(), (type, details, hasTime) => {
        const line = JSON.parse(JSON.stringify({ ...details, ...(hasTime && WHEN), step: 7, type }));
        const read = recordedEvent(line);
        expect([typeof read.time, typeof read.type]).toEqual(['string', 'string']);
        expect(typeof describeEvent(read)).toBe('string');
        expect(typeof kindOf(read)).toBe('string');
        const known = knownEvent(read);
        if (!known)
          for (const name of Object.keys(read))
            if (!(name in WHEN)) expect(describeEvent(read)).toContain(name === 'type' ? read.type : name);
      }),
    );
  });
});
