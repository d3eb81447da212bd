import { once } from 'node:events';
import net from 'node:net';

/** Below the ports that systems give to outgoing connections: one of those could take it while nobody listens there. */
const FIRST = 20_000;
const COUNT = 10_000;

/** A port of loopback that nobody listens on, even if it is left free for a while. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + ((process.pid + tried) % COUNT);
    const server = net.createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`no free port from ${FIRST} to ${FIRST + COUNT - 1}`);
}
