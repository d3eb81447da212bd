import { expect, it } from 'vitest';
import { tokenIn } from './token.ts';

it('finds the token in a link', () => {
  const links = ['http://127.0.0.1:7070/#token=a-B_1', '#token=x', 'http://127.0.0.1:7070/', 'a-B_1', '#token='];
  expect(links.map(tokenIn)).toEqual(['a-B_1', 'x', undefined, undefined, undefined]);
});
