import type { Dice } from '../chaos/dice.ts';

/** One kind of input: makes the next one and decodes it. @returns how that ended; throws what is a fault */
export type Subject = (dice: Dice) => { readonly input: Uint8Array; readonly decode: () => string };

/** What damage and forgers do to bytes: bits, bytes and lengths change, parts are cut out, doubled and strewn with noise. */
export function mutated(dice: Dice, original: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = Buffer.from(original);
  for (let changes = dice.between(1, 4); changes > 0; changes--) {
    const at = dice.between(0, Math.max(0, bytes.length - 1));
    const end = Math.min(bytes.length, at + dice.between(1, 16));
    switch (dice.between(0, 5)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.between(0, 7));
        break;
      case 1:
        bytes[at] = dice.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), dice.bytes(dice.between(1, 8)), bytes.subarray(at)]);
        break;
      default:
        bytes = bytes.subarray(0, at);
    }
  }
  return Uint8Array.from(bytes);
}
