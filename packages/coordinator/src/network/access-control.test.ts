import { describe, expect, test } from 'vitest';
import { admitUpgrade, allowedHosts, isLoopback, parseAllowedHost, type Refusal } from './access-control.ts';

const tokens = { work: 'w'.repeat(43), control: 'c'.repeat(43) };
const local = allowedHosts('127.0.0.1', 7070, [], []);
const authorization = `Bearer ${tokens.work}`;

function refuseUpgrade(...args: Parameters<typeof admitUpgrade>): Refusal | undefined {
  const admitted = admitUpgrade(...args);
  return typeof admitted === 'string' ? undefined : admitted;
}

function statusOf(headers: Record<string, string>, url = '/work', hosts = local): number {
  return (
    refuseUpgrade({ url, headers: { host: '127.0.0.1:7070', authorization, ...headers } }, hosts, tokens)?.status ?? 101
  );
}

function statusOfHost(host: string, hosts = local): number {
  return statusOf({ host }, '/work', hosts);
}

test.each(['127.0.0.1', '127.1.2.3', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost', 'LocalHost'])(
  '%s is loopback',
  (host) => expect(isLoopback(host)).toBe(true),
);
test.each(['0.0.0.0', '::', '128.0.0.1', '::2', '::ffff:10.0.0.1', 'localhost.example', '127.0.0.1.example', ''])(
  '%s is not loopback',
  (host) => expect(isLoopback(host)).toBe(false),
);

describe('token', () => {
  test('in the Authorization header', () => {
    expect(statusOf({})).toBe(101);
    expect(statusOf({ authorization: `bearer ${tokens.work}` })).toBe(101);
  });

  test.each([
    '',
    'Bearer',
    'Bearer x',
    `Bearer ${tokens.control}`,
    `Basic ${tokens.work}`,
    `Bearer ${tokens.work} x`,
    tokens.work,
  ])('refuses %j with one answer', (given) => {
    const refusals = [given, 'Bearer wrong'].map((each) =>
      refuseUpgrade({ url: '/work', headers: { host: '127.0.0.1:7070', authorization: each } }, local, tokens),
    );
    expect(refusals[0]).toMatchObject({ status: 401, code: 'E_AUTH' });
    expect(refusals[0]).toEqual(refusals[1]);
  });

  test.each([
    [`gantry, gantry.token.${tokens.work}`, 101],
    [`gantry.token.${tokens.work},gantry`, 101],
    // The server could agree on the token only, and would have to repeat it.
    [`gantry.token.${tokens.work}`, 401],
    [`gantry, gantry.token.${tokens.control}`, 401],
    [`gantry, gantry.token.`, 401],
    [`gantry, ${tokens.work}`, 401],
    ['gantry', 401],
  ])('among subprotocols: %s', (offered, status) => {
    const headers = { host: '127.0.0.1:7070', 'sec-websocket-protocol': offered };
    expect(refuseUpgrade({ url: '/work', headers }, local, tokens)?.status ?? 101).toBe(status);
  });

  test.each([`/work?token=${tokens.work}`, `/work?${tokens.work}`, '/work?', `/?token=${tokens.work}`])(
    'not in a query: %s',
    (url) => {
      const refusal = refuseUpgrade({ url, headers: { host: '127.0.0.1:7070', authorization } }, local, tokens);
      expect(refusal).toMatchObject({ status: 400, code: 'E_PROTOCOL', message: expect.stringContaining('Bearer') });
      expect(refusal?.message).not.toContain(tokens.work);
    },
  );
});

test('watching takes the other token', () => {
  const admit = (url: string, token: string) =>
    admitUpgrade({ url, headers: { host: '127.0.0.1:7070', authorization: `Bearer ${token}` } }, local, tokens);
  expect(admit('/watch', tokens.control)).toBe('watch');
  expect(admit('/work', tokens.work)).toBe('work');
  expect(admit('/watch', tokens.work)).toMatchObject({ status: 401, message: expect.stringContaining('watch token') });
  expect(admit('/work', tokens.control)).toMatchObject({ status: 401, message: expect.stringContaining('work token') });
  expect(admit(`/watch?${tokens.control}`, tokens.control)).toMatchObject({ status: 400 });
});

test.each(['/', '', '/work/', '/Work', '//work', '/healthz', 'http://127.0.0.1:7070/work'])(
  'unknown path %j',
  (url) => {
    expect(statusOf({}, url)).toBe(404);
  },
);

describe('host', () => {
  test.each(['127.0.0.1:7070', '127.0.0.1', 'localhost:7070', 'LOCALHOST', '[::1]:7070'])('%s is allowed', (host) => {
    expect(statusOfHost(host)).toBe(101);
  });

  test.each([
    '',
    'evil.example:7070',
    '127.0.0.1:7071',
    '127.0.0.1:07070x',
    'localhost.',
    '10.0.0.1:7070',
    'a@localhost',
  ])('%j is refused, whatever else is right', (host) => expect(statusOfHost(host)).toBe(403));

  test('a refusal shows what was sent, without what could rewrite a line', () => {
    const host = `evil\u001b[2K\u202e${'x'.repeat(1000)}`;
    const refusal = refuseUpgrade({ url: '/work', headers: { host } }, local, tokens);
    expect(refusal).toMatchObject({ status: 403, code: 'E_AUTH', message: expect.stringContaining('host "evil[2Kxx') });
    expect(refusal?.message.length).toBeLessThan(350);
  });

  test('listening on one address of the network', () => {
    const hosts = allowedHosts('fd00::A', 7070, [], ['gpu1', '10.0.0.5']);
    expect(
      ['[fd00::a]:7070', 'localhost:7070', 'gpu1:7070', '10.0.0.5:7070'].map((host) => statusOfHost(host, hosts)),
    ).toEqual([101, 403, 403, 403]);
  });

  test.each(['0.0.0.0', '::'])('listening everywhere (%s)', (listened) => {
    const hosts = allowedHosts(listened, 7070, [], ['gpu1', '10.0.0.5', 'fd00::a']);
    const asked = [
      'localhost:7070',
      'gpu1:7070',
      '10.0.0.5:7070',
      '[fd00::a]:7070',
      '10.0.0.6:7070',
      'evil.example:7070',
    ];
    expect(asked.map((host) => statusOfHost(host, hosts))).toEqual([101, 101, 101, 101, 403, 403]);
  });

  test('extra ones', () => {
    const hosts = allowedHosts('127.0.0.1', 7070, ['train.example', 'tunnel.example:8443'].map(parseAllowedHost), []);
    const asked = ['train.example', 'train.example:443', 'train.example:7070', 'train.example:8443'];
    expect(asked.map((host) => statusOfHost(host, hosts))).toEqual([101, 101, 101, 403]);
    expect(['tunnel.example:8443', 'tunnel.example:7070'].map((host) => statusOfHost(host, hosts))).toEqual([101, 403]);
  });

  test.each(['', 'http://a', 'a/b', 'a:b', '::1', 'a b'])('%j cannot be an extra one', (text) => {
    expect(() => parseAllowedHost(text)).toThrow(/neither HOST nor HOST:PORT/);
  });
});

describe('origin', () => {
  const hosts = allowedHosts('127.0.0.1', 7070, [parseAllowedHost('train.example')], []);
  test.each(['http://127.0.0.1:7070', 'https://localhost:7070', 'https://train.example', 'http://train.example'])(
    '%s is allowed',
    (origin) => expect(statusOf({ origin }, '/work', hosts)).toBe(101),
  );

  test.each([
    '',
    'null',
    'http://evil.example',
    'http://evil.example:7070',
    'http://localhost',
    'http://localhost:3000',
    'ftp://localhost:7070',
    'localhost:7070',
    'http://localhost:7070/x',
    'http://localhost:7070, http://evil.example',
  ])('%j is refused', (origin) => expect(statusOf({ origin }, '/work', hosts)).toBe(403));
});
