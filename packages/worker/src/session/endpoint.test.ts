import { describe, expect, it } from 'vitest';
import { parseEndpoint } from './endpoint.ts';

describe('parseEndpoint', () => {
  it.each([
    ['ws://127.0.0.1:7070', 'ws://127.0.0.1:7070/work', true, 7070],
    ['ws://localhost', 'ws://localhost/work', true, 80],
    ['ws://[::1]:7070/', 'ws://[::1]:7070/work', true, 7070],
    ['WSS://Lab.example/behind/a/proxy', 'wss://lab.example/behind/a/proxy', false, 443],
    ['ws://10.127.0.1:1', 'ws://10.127.0.1:1/work', false, 1],
    ['ws://127.0.0.1.example.org:7070', 'ws://127.0.0.1.example.org:7070/work', false, 7070],
  ])('%s', (text, href, loopback, port) => {
    const endpoint = parseEndpoint(text);
    expect(endpoint.url.href).toBe(href);
    expect(endpoint).toMatchObject({ token: undefined, loopback, port });
  });

  it('takes a token out of the fragment', () => {
    const endpoint = parseEndpoint('ws://host:7070/#token=s3cret-_');
    expect(endpoint.token).toBe('s3cret-_');
    expect(endpoint.url.href).toBe('ws://host:7070/work');
  });

  it.each([
    'http://127.0.0.1:7070',
    '127.0.0.1:7070',
    'nonsense',
    '',
    'ws://host:99999',
    'ws://host/?token=s3cret',
    'ws://user:s3cret@host',
    'ws://host#s3cret',
    'ws://host#token=',
  ])('refuses %j without repeating secrets', (text) => {
    const refusal = expect.objectContaining({ code: 'E_CONFIG', message: expect.not.stringContaining('s3cret') });
    expect(() => parseEndpoint(text)).toThrow(refusal);
  });
});
