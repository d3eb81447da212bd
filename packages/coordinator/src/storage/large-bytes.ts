/** Files and hashes of more than 2 GiB, where Node's own functions end. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const PIECE_BYTES = 2 ** 28;

/** The sha256 of text or bytes, in hexadecimal. @param pieceBytes how much is hashed at once */
export function sha256(data: string | Uint8Array, pieceBytes = PIECE_BYTES): string {
  const hash = createHash('sha256');
  if (typeof data === 'string') return hash.update(data).digest('hex');
  for (let begin = 0; begin < data.length; begin += pieceBytes) hash.update(data.subarray(begin, begin + pieceBytes));
  return hash.digest('hex');
}

/**
 * What is in a file, in memory of its own.
 * @param pieceBytes how much is read at once
 * @throws the error of the system call that failed
 */
export async function readBytes(path: string, pieceBytes = PIECE_BYTES): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const { bytesRead } = await handle.read(bytes, filled, Math.min(pieceBytes, size - filled));
      // It was cut since.
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
}
