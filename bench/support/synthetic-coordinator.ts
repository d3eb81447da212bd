import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import type { SyntheticRun } from './synthetic-run.ts';

const UPDATE_MS = 250;
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const PAGE = join(dirname(createRequire(import.meta.url).resolve('@gantry/dashboard/package.json')), 'dist');

/** Serves the built dashboard and a synthetic run, to whoever asks. @param picture a PNG, as each epoch's sample grid */
export async function serveSyntheticRun(
  run: SyntheticRun,
  picture: Uint8Array,
  port = 0,
): Promise<{ link: string; close: () => void }> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/api/history') {
      const number = (name: string, otherwise: number) => Number(searchParams.get(name) ?? otherwise);
      const metrics = run.history(number('from', 1), number('to', Infinity), number('points', 2000));
      send(response, 'application/json', JSON.stringify({ metrics }));
    } else if (pathname.startsWith('/api/samples')) {
      send(response, 'image/png', picture);
    } else if (pathname === '/' || /^\/(assets\/)?[\w-]+\.\w+$/.test(pathname)) {
      const file = pathname === '/' ? '/index.html' : pathname;
      send(response, TYPES[extname(file)] ?? 'application/octet-stream', readFileSync(join(PAGE, file)));
    } else {
      response.writeHead(404).end();
    }
  });
  const viewers = new Set<WebSocket>();
  const sockets = new WebSocketServer({ server, path: '/watch', handleProtocols: () => 'gantry' });
  sockets.on('connection', (viewer) => {
    viewers.add(viewer);
    viewer.on('close', () => viewers.delete(viewer));
    viewer.send(JSON.stringify(run.snapshot()));
  });
  const timer = setInterval(() => {
    const update = JSON.stringify(run.update());
    for (const viewer of viewers) viewer.send(update);
  }, UPDATE_MS);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    link: `http://127.0.0.1:${(server.address() as AddressInfo).port}/#token=any`,
    close: () => {
      clearInterval(timer);
      for (const viewer of viewers) viewer.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

function send(response: ServerResponse, type: string, body: string | Uint8Array): void {
  response.writeHead(200, { 'Content-Type': type });
  response.end(body);
}
