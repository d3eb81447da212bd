import type { EngineHost } from '../slots/engine-host.ts';
import type { Connection, ConnectionEvents } from './connection.ts';

/** What a worker is made of where it runs: in Node, or in a browser. */
export interface Platform {
  /** Version of Gantry. */
  readonly version: string;
  connect(events: ConnectionEvents): Connection;
  readonly startEngine: () => EngineHost;
}
