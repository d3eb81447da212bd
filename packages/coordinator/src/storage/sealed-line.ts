import { checksum } from '@gantry/core';

const NAME = ',"checksum":"';
const DIGITS = 16;
const END = '"}';
const SEAL_BYTES = NAME.length + DIGITS + END.length;

/**
 * A line of JSON, its newline included, whose last field `checksum` is the XXH64 of all bytes before that field, as 16
 * hexadecimal digits: damage to any byte is found.
 * @param line has a field, at least
 */
export function sealedLine(line: object): Buffer {
  const fields = JSON.stringify(line).slice(0, -1);
  return Buffer.from(`${fields}${sealOf(Buffer.from(fields))}\n`);
}

/** What a line without its newline holds, but for its checksum; undefined if a byte of it is not as it was written. */
export function openedLine(bytes: Buffer): unknown {
  const fields = bytes.subarray(0, Math.max(0, bytes.length - SEAL_BYTES));
  if (bytes.toString('latin1', fields.length) !== sealOf(fields)) return undefined;
  return JSON.parse(`${fields.toString()}}`);
}

function sealOf(fields: Uint8Array): string {
  return `${NAME}${checksum(fields).toString(16).padStart(DIGITS, '0')}${END}`;
}
