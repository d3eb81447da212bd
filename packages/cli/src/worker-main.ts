import { createRequire } from 'node:module';
import { workerCommand } from './commands/worker.ts';
import { reportFailure } from './errors.ts';
import { collectSeldom, keepFreedMemory } from './memory.ts';

/** `gantry worker` as a program of its own: what a coordinator serves to machines without an installation. */
const { version } = createRequire(import.meta.url)('#package.json') as { version: string };

keepFreedMemory();
collectSeldom();
try {
  await workerCommand().name('gantry-worker').version(version).parseAsync();
} catch (error) {
  reportFailure(error);
}
