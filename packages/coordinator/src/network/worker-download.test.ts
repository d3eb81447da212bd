import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startServer } from './server.ts';
import { WorkerDownload } from './worker-download.ts';

/** More than what systems buffer for one who does not read. */
const BYTES = 64 * 2 ** 20;

test('so many have it at a time, read or not; others are told to come again', async () => {
  const download = new WorkerDownload('/0/worker.tgz', Buffer.alloc(BYTES));
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    tokens: { work: '', control: '' },
    onWorker: () => undefined,
    onRequest: (request, response) => void download.answer(request, response, '/0/worker.tgz'),
  });
  const fetchIt = () => fetch(`http://127.0.0.1:${server.port}/0/worker.tgz`, { method: 'HEAD' });
  const idle = Array.from({ length: 16 }, () => connect(server.port, '127.0.0.1'));
  for (const socket of idle) {
    socket.write(`GET /0/worker.tgz HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`);
    await once(socket, 'readable');
  }
  const refused = await fetchIt();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);

  for (const socket of idle) socket.destroy();
  await Promise.all(idle.map((socket) => once(socket, 'close')));
  let answer = await fetchIt();
  while (answer.status === 503) answer = await fetchIt();
  expect(answer.status).toBe(200);
  await server.close();
});
