import { describe, expect, it } from 'vitest';
import { encodeFrame } from './codec.ts';
import { layFrame } from './frame.ts';
import type { Message } from './messages.ts';
import { decode, example, refusal } from '../testing/messages.ts';

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
