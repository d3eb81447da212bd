import { ftruncateSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { GantryError } from '@gantry/core';
import { diskError, messageOf, systemErrorCode } from './durable-files.ts';
import { isLineAfter, linesOf, type Line } from './lines-of-file.ts';
import { sealedLine } from './sealed-line.ts';

/** A file of sealed JSON lines that only grows, but for `truncateTo`. Lines read are taken to be as they were appended. */
export class JsonLinesFile<T extends Line> {
  readonly #path: string;
  readonly #handle: FileHandle;
  #size: number;
  /** A part of a line may be behind the last one. */
  #isTorn = false;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** Opens a file, or makes an empty one. @throws GantryError E_RUN_DIRECTORY */
  static async open<T extends Line>(path: string): Promise<JsonLinesFile<T>> {
    try {
      const handle = await open(path, 'a+');
      return new JsonLinesFile<T>(path, handle, (await handle.stat()).size);
    } catch (cause) {
      throw diskError(path, cause);
    }
  }

  /**
   * Appends one line. It goes to the operating system at once and in one piece, so that a killed process loses nothing
   * and readers see whole lines.
   * @throws GantryError E_RUN_DIRECTORY; the file holds the lines before, then
   */
  append(line: T): void {
    const bytes = sealedLine(line);
    try {
      this.#mend();
      this.#isTorn = true;
      for (let written = 0; written < bytes.length;) written += writeSync(this.#handle.fd, bytes, written);
      this.#isTorn = false;
      this.#size += bytes.length;
    } catch (cause) {
      try {
        this.#mend();
      } catch {
        // Not even that can be written; the next line tries again, and a resumed run does.
      }
      throw diskError(this.#path, cause);
    }
  }

  #mend(): void {
    if (this.#isTorn) ftruncateSync(this.#handle.fd, this.#size);
    this.#isTorn = false;
  }

  /** Waits until all lines are on the disk. */
  async flush(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (cause) {
      throw diskError(this.#path, cause);
    }
  }

  /**
   * Cuts off the lines of later steps, and what a crash left of a last line.
   * @throws GantryError E_RUN_DIRECTORY if a line that has to stay is damaged, or may be one that has to; nothing is cut then
   */
  async truncateTo(step: number): Promise<void> {
    let keep = 0;
    let last = 0;
    for await (const { number, end, value, claimedStep } of linesOf(this.#handle)) {
      // Steps never fall: behind a later one, all lines are cut off, damaged or not.
      const isLater = last > step || (claimedStep ?? 0) > step;
      if (isLineAfter<T>(last, value)) {
        last = value.step;
        if (last <= step) keep = end;
      } else if (value !== undefined || !isLater) throw damagedLine(this.#path, number);
      else last = Math.max(last, step + 1);
    }
    try {
      await this.#handle.truncate(keep);
      await this.#handle.sync();
      this.#size = keep;
    } catch (cause) {
      throw diskError(this.#path, cause);
    }
  }

  /** All whole lines. @throws GantryError E_RUN_DIRECTORY for a damaged one */
  async *read(): AsyncGenerator<T> {
    yield* checkedLines<T>(this.#path, this.#handle);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * All whole lines of a file that somebody else may be appending to; none if it does not exist.
 * @throws GantryError E_RUN_DIRECTORY for a damaged line, or a file that cannot be read
 */
export async function* readLines<T extends Line>(path: string): AsyncGenerator<T> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return;
    throw new GantryError('E_RUN_DIRECTORY', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  try {
    yield* checkedLines<T>(path, handle);
  } finally {
    await handle.close();
  }
}

async function* checkedLines<T extends Line>(path: string, handle: FileHandle): AsyncGenerator<T> {
  let last = 0;
  for await (const { number, value } of linesOf(handle)) {
    if (!isLineAfter<T>(last, value)) throw damagedLine(path, number);
    last = value.step;
    yield value;
  }
}

function damagedLine(path: string, line: number): GantryError {
  return new GantryError(
    'E_RUN_DIRECTORY',
    `${path}: line ${line} is damaged: restore the file from a copy, or remove the line`,
  );
}
