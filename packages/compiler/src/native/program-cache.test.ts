import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hasCCompiler } from '../testing/oracle.ts';
import { compileC } from './c-compiler.ts';

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'gantry-cache-'));
  folder = path.join(home, 'gantry');
  vi.stubEnv('XDG_CACHE_HOME', home);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

const sourceOf = (n: number) => `int answer(void) { return ${n}; }\n`;
const HOUR_S = 3600;

/** Says when a file was used last. */
function setUsed(file: string, hoursAgo: number): void {
  const seconds = Date.now() / 1000 - hoursAgo * HOUR_S;
  utimesSync(file, seconds, seconds);
}

describe.skipIf(!hasCCompiler)('the folder of compiled programs', () => {
  it('loses the programs that were used least recently, as soon as there are more than it may hold', async () => {
    const [old, older] = [await compileC(sourceOf(1)), await compileC(sourceOf(2))];
    const { size } = statSync(old);
    setUsed(old, 3);
    setUsed(older, 2);
    // To find one is to use it.
    expect(await compileC(sourceOf(1), 2 * size)).toBe(old);
    const third = await compileC(sourceOf(3), 2.5 * size);
    expect(readdirSync(folder).toSorted()).toEqual([old, third].map((file) => path.basename(file)).toSorted());
    // What has just been compiled is needed, however little there may be.
    const fourth = await compileC(sourceOf(4), 1);
    expect(readdirSync(folder)).toEqual([path.basename(fourth)]);
  });

  it('loses what killed processes left, and nothing that is being compiled', async () => {
    await compileC(sourceOf(1));
    const names = ['a53a0d07-7662-4602-b3bd-7a7aa287b005', 'b53a0d07-7662-4602-b3bd-7a7aa287b005'] as const;
    const [left, fresh] = [path.join(folder, names[0]), path.join(folder, names[1])];
    for (const draft of [left, fresh]) {
      mkdirSync(draft);
      writeFileSync(path.join(draft, 'program.c'), '');
      // As versions before had them.
      for (const suffix of ['.c', '.node']) writeFileSync(draft + suffix, '');
    }
    for (const suffix of ['', '.c', '.node']) setUsed(left + suffix, 1);
    await compileC(sourceOf(2));
    for (const suffix of ['', '.c', '.node']) {
      expect(existsSync(left + suffix)).toBe(false);
      expect(existsSync(fresh + suffix)).toBe(true);
    }
  });
});
