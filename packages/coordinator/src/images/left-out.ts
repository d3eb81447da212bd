import { plainText } from '@gantry/core';

/** A file that gives no image. */
export interface LeftOut {
  /** Within the folder, with `/` between. */
  readonly name: string;
  readonly reason: string;
}

/** Files that are named; of the others, their number is said. */
const MOST_NAMED = 3;
const LONGEST_NAME = 80;

/** Files for a message of one line, with why: `a.png (why), b.png (why) and 7 more`. */
export function filesText(files: readonly LeftOut[]): string {
  const named = files.slice(0, MOST_NAMED).map(({ name, reason }) => `${nameText(name)} (${plainText(reason)})`);
  const more = files.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

/** The name of a file for a message, whatever it is: of a long one, its end. */
export function nameText(name: string): string {
  const text = plainText(name);
  return text.length > LONGEST_NAME ? `…${text.slice(-LONGEST_NAME)}` : text;
}
