/**
 * Free text of a peer as it may be shown on a terminal or a page: without control, format (bidi, zero-width), private-use,
 * lone surrogate and other invisible characters, which could rewrite a log line or make two names look the same.
 */
export function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, '').trim();
}

/** Words of a command line as a POSIX shell has to be given them. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}
