import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ERROR_CODES } from '../errors.ts';
import { PROTOCOL_VERSION } from './frame.ts';
import { coordinatorMessageSchema, workerMessageSchema } from './messages.ts';

const PAGE = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');

/** What follows a heading of a level, up to the next one of that level or above. */
function section(page: string, level: number, title: string): string {
  const [, text] = page.split(`\n${'#'.repeat(level)} ${title}\n`);
  if (text === undefined) throw new Error(`docs/protocol.md has no section ${title}`);
  return text.split(new RegExp(`\n#{1,${level}} `))[0] ?? '';
}

function subsections(text: string): string[] {
  return [...text.matchAll(/^### (.*)$/gm)].map(([, title = '']) => title);
}

/** The rows of a table by their first cell, which is code. */
function rows(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^\| `(\w+)` *\| (.*)$/gm)].map(([, name = '', rest = '']) => [name, rest]));
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly string[];
}

/** The names that a field has within: keys of maps, at any depth, and the values of a short choice. */
function namesWithin({ properties = {}, items, anyOf = [], oneOf = [], enum: choice = [] }: JsonSchema): string[] {
  const nested = Object.entries(properties).flatMap(([name, schema]) => [name, ...namesWithin(schema)]);
  const within = [...(items ? [items] : []), ...anyOf, ...oneOf].flatMap(namesWithin);
  return [...nested, ...within, ...(choice.length <= 3 ? choice : [])];
}

describe.each([
  ['Worker to coordinator', workerMessageSchema.options],
  ['Coordinator to worker', coordinatorMessageSchema.options],
] as const)('docs/protocol.md, %s', (direction, schemas) => {
  const text = section(PAGE, 2, direction);
  const messages = schemas.map((schema) => [schema.shape.type.value, schema] as const);

  it('has a section for each message, and no other', () => {
    expect(subsections(text).toSorted()).toEqual(messages.map(([type]) => type).toSorted());
  });

  it.each(messages)('lists the fields of %s, and no other', (type, schema) => {
    const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
    const part = section(text, 3, type);
    const table = rows(part);
    expect(['type', ...table.keys()].toSorted()).toEqual(Object.keys(properties).toSorted());
    for (const [field, row] of table) {
      const [kind = ''] = row.split('|');
      expect(/optional/.test(kind), `${field} is optional`).toBe(!required.includes(field));
      for (const name of namesWithin(properties[field] ?? {})) {
        expect(row, `what is in ${field}`).toMatch(new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``));
      }
    }
    expect(part).toMatch(/payload/i);
  });
});

describe('docs/protocol.md', () => {
  it('is about this version of the protocol', () => {
    expect(PAGE).toMatch(new RegExp(`^# Wire protocol, version ${PROTOCOL_VERSION}$`, 'm'));
  });

  it('explains every error code, and no other', () => {
    const table = rows(section(PAGE, 2, 'Error codes'));
    expect([...table.keys()].toSorted()).toEqual(ERROR_CODES.toSorted());
    for (const [code, row] of table) expect(row, code).toMatch(/^\S.* \| +\S.* \|$/);
  });
});
