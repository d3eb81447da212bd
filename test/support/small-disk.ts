import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './gantry-process.ts';

/** A disk that tests fill. */
export class SmallDisk {
  readonly path = temporaryDirectory();

  /** @param size as `mount` takes it, 8m for example */
  constructor(size: string) {
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', this.path], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`mount: ${stderr}`);
  }

  /** Leaves room for no further page; what begins in a page may still end in it. */
  fill(): void {
    for (const bytes of [2 ** 20, 4096]) {
      try {
        for (;;) writeFileSync(this.#ballast, Buffer.alloc(bytes), { flag: 'a' });
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('ENOSPC'))) throw error;
      }
    }
  }

  free(): void {
    rmSync(this.#ballast);
  }

  remove(): void {
    spawnSync('umount', ['--lazy', this.path]);
  }

  get #ballast(): string {
    return join(this.path, 'ballast');
  }

  /** Whether this machine permits them. */
  static get isAvailable(): boolean {
    try {
      new SmallDisk('1m').remove();
      return true;
    } catch {
      return false;
    }
  }
}
