import { createHash } from 'node:crypto';
import { damaged, readPrivate, tokenFiles } from '../network/tokens.ts';
import type { RunJson } from './run-config.ts';

/** Tells that a bit of a file changed; nobody finds 256 random bits by 64 of their hash. */
const MARK_DIGITS = 16;

type Marks = NonNullable<RunJson['tokens']>;

/** What run.json records of the files of a run's tokens. @throws GantryError E_AUTH if others may read one */
export async function tokenMarks(path: string): Promise<Marks> {
  const { work, control } = tokenFiles(path);
  return { work: markOf((await readPrivate(work)) ?? ''), control: markOf((await readPrivate(control)) ?? '') };
}

/**
 * Makes sure that the files of a run's tokens are as they were recorded; one that is gone will be made anew.
 * @throws GantryError E_AUTH if one is damaged, or others may read it
 */
export async function checkTokens(path: string, marks: Marks): Promise<void> {
  const files = tokenFiles(path);
  for (const kind of ['work', 'control'] as const) {
    const text = await readPrivate(files[kind]);
    if (text !== undefined && markOf(text) !== marks[kind]) throw damaged(files[kind]);
  }
}

/** Of the whole text, as a shell takes more of it than Gantry does: only newlines at the end do not count. */
function markOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, MARK_DIGITS);
}
