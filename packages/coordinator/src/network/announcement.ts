import { createHmac, randomBytes } from 'node:crypto';
import { chmod, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import { isAbsolute, join } from 'node:path';
import { GantryError } from '@gantry/core';
import { z } from 'zod';
import { diskError, makeDirectory } from '../storage/durable-files.ts';
import { damaged, readPrivate, secretsEqual, tokenSchema, writePrivately, type Tokens } from './tokens.ts';

const SECRET_BYTES = 32;
/** What an answer to the question who listens may take. */
const ANSWER_MS = 5000;
const MAX_ANSWER_CHARACTERS = 1000;
/** The header of a question who listens. */
export const NONCE_HEADER = 'gantry-nonce';

const noteSchema = z.object({ work: tokenSchema, control: tokenSchema, secret: tokenSchema });
const answerSchema = z.object({ proof: z.string() });

/** What a coordinator has told the local commands of its user. */
export interface Announcement {
  /**
   * Shows a local command that this process wrote the note.
   * @param nonce of the command
   * @param address under which the command has reached this process; so nobody in between can pass the answer on
   */
  prove(nonce: string, address: string): string;
  /** Removes the note, unless another coordinator has replaced it. */
  withdraw(): Promise<void>;
}

/**
 * Tells the local commands of this user the tokens of the coordinator at a port, in
 * `${XDG_STATE_HOME:-~/.local/state}/gantry/<port>.json`.
 * @throws GantryError E_RUN_DIRECTORY if it cannot be written, or there is no home directory
 */
export async function announce(port: number, { work, control }: Tokens): Promise<Announcement> {
  const directory = stateDirectory();
  if (directory === undefined) throw new GantryError('E_RUN_DIRECTORY', 'HOME names no home directory');
  const path = notePath(directory, port);
  try {
    await makeDirectory(directory, 0o700);
    // It may have been there, with any mode.
    await chmod(directory, 0o700);
  } catch (cause) {
    throw diskError(directory, cause);
  }
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const text = `${JSON.stringify({ work, control, secret, pid: process.pid })}\n`;
  await writePrivately(path, text);
  return {
    prove: (nonce, address) => proof(secret, nonce, address),
    withdraw: async () => {
      const present = await readFile(path, 'utf8').catch(() => undefined);
      if (present === text) await rm(path, { force: true });
    },
  };
}

/** Whether a coordinator of this user has noted its tokens for a port; it may have been killed since. */
export async function isAnnounced(port: number): Promise<boolean> {
  return (await readNote(port)) !== undefined;
}

/**
 * The work token that a coordinator of this user noted for a local port, if that coordinator is who listens there.
 * @param url of the coordinator, http or https
 * @param ca certificates to trust instead of the system's, PEM
 * @returns undefined if there is no note
 * @throws GantryError E_AUTH if somebody else listens, or if the note is another user's, may be read by others or is damaged; the
 *   error of the connection
 */
export async function localWorkToken(url: URL, ca?: string): Promise<string | undefined> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  if (!(await isAnnounced(port))) return undefined;
  const nonce = randomBytes(SECRET_BYTES).toString('base64url');
  const { answer, address } = await ask(new URL('/healthz', url), nonce, ca);
  // Only now: a coordinator that has just begun to listen replaces the note of one before it answers.
  const note = await readNote(port);
  if (!note) return undefined;
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success || !secretsEqual(parsed.data.proof, proof(note.secret, nonce, address))) {
    const remedy = 'take the token of its join command, or work.token of its run directory';
    throw new GantryError('E_AUTH', `what listens on port ${port} is another coordinator, or none: ${remedy}`);
  }
  return note.work;
}

/** An address and port as both ends of a connection see them. */
export function addressOf(address = '', port = 0): string {
  return `${address.replace(/^::ffff:/, '')} ${port}`;
}

function proof(secret: string, nonce: string, address: string): string {
  return createHmac('sha256', secret).update(`${nonce} ${address}`).digest('base64url');
}

function ask(url: URL, nonce: string, ca?: string): Promise<{ answer: unknown; address: string }> {
  const { get } = url.protocol === 'https:' ? https : http;
  const options = { headers: { [NONCE_HEADER]: nonce }, timeout: ANSWER_MS, agent: false, ...(ca && { ca }) };
  return new Promise((resolve, reject) => {
    const request = get(url, options, (response) => {
      const { remoteAddress, remotePort } = response.socket;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_ANSWER_CHARACTERS) request.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve({ answer: parseJson(text), address: addressOf(remoteAddress, remotePort) }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
    request.on('error', reject);
  });
}

async function readNote(port: number): Promise<z.infer<typeof noteSchema> | undefined> {
  const directory = stateDirectory();
  if (directory === undefined) return undefined;
  const path = notePath(directory, port);
  const text = await readPrivate(path, process.getuid?.());
  if (text === undefined) return undefined;
  const parsed = noteSchema.safeParse(parseJson(text));
  if (!parsed.success) throw damaged(path);
  return parsed.data;
}

/** Where this user's Gantry keeps what concerns no single run; undefined for users without a home directory. */
export function stateDirectory(): string | undefined {
  const given = process.env['XDG_STATE_HOME'] ?? '';
  // The XDG specification: a relative path is to be ignored.
  if (isAbsolute(given)) return join(given, 'gantry');
  const home = process.platform === 'win32' ? os.homedir() : (process.env['HOME'] ?? '');
  // Containers say / for users that are none of theirs. What the user's entry says does not count where HOME is unset.
  return isAbsolute(home) && home !== '/' ? join(home, '.local', 'state', 'gantry') : undefined;
}

function notePath(directory: string, port: number): string {
  return join(directory, `${port}.json`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
