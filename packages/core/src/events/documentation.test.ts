import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isOnTerminal, kindOf } from './event-words.ts';
import { EVENT_TYPES, fieldsOf } from './recorded-event.ts';

const PAGE = readFileSync(new URL('../../../../docs/reference.md', import.meta.url), 'utf8');
const [, SECTION = ''] = /\n### Events\n(.*?)\n## /s.exec(PAGE) ?? [];

interface Row {
  readonly mark: string;
  readonly kind: string;
  readonly fields: readonly string[];
}

/** The rows of the table by their first cell, which is code and may be marked. */
const ROWS: ReadonlyMap<string, Row> = new Map(
  [...SECTION.matchAll(/^\| `([\w-]+)`([^|]*)\|([^|]*)\|([^|]*)\| *\S/gm)].map(
    ([, type = '', mark = '', kind = '', fields = '']) => {
      const names = [...fields.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
      return [type, { mark: mark.trim(), kind: kind.trim(), fields: names }];
    },
  ),
);

describe('docs/reference.md, Events', () => {
  it('has a row for each type, and no other', () => {
    expect([...ROWS.keys()].toSorted()).toEqual(EVENT_TYPES.toSorted());
  });

  it.each(EVENT_TYPES)('says what an event of the type %s has, its kind, and whether the terminal shows it', (type) => {
    const mark = isOnTerminal(type) ? String.raw`\*` : '';
    expect(ROWS.get(type)).toEqual({ mark, kind: kindOf({ type }), fields: fieldsOf(type) });
  });
});
