import { sha256 } from './large-bytes.ts';

/** What a text of JSON holds, and whether it is as it was written. */
export interface SealedJson {
  /** Without the checksum, if there is one. */
  readonly json: unknown;
  /** `none`: nobody sealed it, or the name of its checksum is damaged. */
  readonly seal: 'intact' | 'broken' | 'none';
}

/** JSON for people and programs, whose last field `checksum` is the sha256 of the others: damage to any byte is found. */
export function sealedJson(record: object): string {
  return `${JSON.stringify({ ...record, checksum: sha256(JSON.stringify(record)) }, null, 2)}\n`;
}

/** Reads what `sealedJson` wrote. @throws SyntaxError if it is not JSON */
export function parseSealedJson(text: string): SealedJson {
  const json: unknown = JSON.parse(text);
  if (typeof json !== 'object' || json === null || !('checksum' in json)) return { json, seal: 'none' };
  const { checksum: _, ...record } = json;
  // The whole text is compared: other spaces, or another way to write the same number, are damage, too.
  return { json: record, seal: sealedJson(record) === text ? 'intact' : 'broken' };
}
