import { runJsonSchema, type ConfigSource, type GivenConfig } from '@gantry/coordinator/config';
import { GantryError, plainText } from '@gantry/core';
import { z } from 'zod';
import { readText } from './files.ts';

/** What has to be there to lay other settings over it; what the settings are is checked with all of them together. */
const outlineSchema = z.looseObject({
  optimizers: z
    .object({})
    .catchall(z.looseObject({ schedule: z.looseObject({}).optional() }))
    .optional(),
});

/** A whole run.json, of which the configuration counts; it may have been edited since, so its checksum is not asked. */
const recordSchema = z.strictObject({
  ...Object.fromEntries([...Object.keys(runJsonSchema.shape), 'checksum'].map((key) => [key, z.unknown().optional()])),
  config: outlineSchema,
});

/**
 * Settings from a JSON file: with the keys of run.json's `config`, or a whole run.json.
 * @throws GantryError E_CONFIG in one line if the file cannot be read, is not JSON or holds something else
 */
export async function configFile(file: string): Promise<ConfigSource> {
  const document = parseJson(await readText('--config', file), file);
  const isRecord = typeof document === 'object' && document !== null && Object.hasOwn(document, 'config');
  const result = (isRecord ? recordSchema : outlineSchema).safeParse(document);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => {
      const { path, message } = issue;
      const where = path.length > 0 ? `${keys(path.map(String))} in ${file}` : `--config ${file}`;
      return issue.code === 'unrecognized_keys'
        ? `${keys(issue.keys, ', ')} in ${file}: neither a setting nor a part of run.json beside its config`
        : `${where}: ${message.replace(/^Invalid input: /, '')}`;
    });
    throw new GantryError('E_CONFIG', problems.join('; '));
  }
  return {
    settings: (isRecord ? (document as { config: unknown }).config : document) as GivenConfig,
    describe: (path, value) =>
      `${keys(isRecord ? ['config', ...path] : path)}${value === undefined ? '' : ` ${value}`} in ${file}`,
  };
}

function parseJson(text: string, file: string): unknown {
  // Editors of Windows begin files with a byte order mark.
  const json = text.replace(/^\uFEFF/, '');
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    // Node quotes the text around the error, over several lines, or says how many characters come before it.
    const [, problem = message, offset] =
      /^(.*?)(?: in JSON at position (\d+).*|, (?:\.\.\.)?".*is not valid JSON)$/s.exec(message) ?? [];
    const before = offset === undefined ? undefined : json.slice(0, Number(offset)).split('\n');
    const where = before ? `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ` : '';
    throw new GantryError('E_CONFIG', `--config ${file} is not JSON: ${where}${plainText(problem)}`, { cause });
  }
}

const MAX_SHOWN = 60;

/** Keys for a message of one line, whatever they are. */
function keys(path: readonly string[], between = '.'): string {
  const shown = (key: string) => {
    const text = plainText(key);
    return /^\w+$/.test(key) && key.length <= MAX_SHOWN ? key : JSON.stringify(text.slice(0, MAX_SHOWN));
  };
  return path.map(shown).join(between);
}
