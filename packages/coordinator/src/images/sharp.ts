/** The library that reads and writes pictures. Its machine code may be missing, and what needs no pictures works without. */
import { GantryError, type ErrorCode } from '@gantry/core';
import type sharp from 'sharp';
import { messageOf } from '../storage/durable-files.ts';

export type Sharp = typeof sharp;

/**
 * Loaded with the first picture: a command that is refused starts sooner without it.
 * @param code of the error
 * @throws GantryError in one line where it cannot be loaded
 */
export async function loadSharp(code: ErrorCode = 'E_ENGINE'): Promise<Sharp> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    // Its own message has many lines.
    const [why] = messageOf(cause).trim().split('\n');
    const remedy = 'install it by npm install --include=optional sharp';
    throw new GantryError(code, `sharp, which reads and writes pictures, cannot be loaded (${why}): ${remedy}`, {
      cause,
    });
  }
}

/** What decodes, for people: other versions may round otherwise. */
export function decoderName({ versions }: Sharp): string {
  return `sharp ${versions.sharp} with libvips ${versions.vips}`;
}
