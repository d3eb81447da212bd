import { GantryError } from '@gantry/core';

/** Where a coordinator takes workers, unless the URL has another path. */
const WORK_PATH = '/work';

/** A coordinator's address, taken apart. */
export interface Endpoint {
  /** Without fragment. */
  readonly url: URL;
  /** From the fragment: `ws://host:7070/#token=…`. */
  readonly token: string | undefined;
  /** Whether the address is of this machine only. */
  readonly loopback: boolean;
  readonly port: number;
}

/**
 * Checks the URL of a coordinator.
 * @param text `ws://…` or `wss://…`
 * @throws GantryError E_CONFIG
 */
export function parseEndpoint(text: string): Endpoint {
  const refuse = (why: string) => new GantryError('E_CONFIG', `${shown(text)}: ${why}`);
  if (!URL.canParse(text)) throw refuse('not a URL; expected one such as ws://127.0.0.1:7070');
  const url = new URL(text);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw refuse('a coordinator is reached by ws:// or wss://, such as ws://127.0.0.1:7070');
  }
  if (url.username || url.password) throw refuse('a URL with a user or password; Gantry has tokens only');
  if (url.searchParams.has('token')) {
    throw refuse('a token in the query of a URL ends up in logs; give it in GANTRY_TOKEN or with --token-file');
  }
  const fragment = /^#token=([^&]+)$/.exec(url.hash);
  if (url.hash && !fragment) throw refuse('the only fragment that has a meaning is #token=…');
  url.hash = '';
  if (url.pathname === '/') url.pathname = WORK_PATH;
  return {
    url,
    token: fragment?.[1],
    loopback: /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname),
    port: Number(url.port) || (url.protocol === 'wss:' ? 443 : 80),
  };
}

/** The text without what could be a secret. */
function shown(text: string): string {
  return text.replace(/[?#].*$/s, '…').replace(/\/\/[^/]*@/, '//…@');
}
