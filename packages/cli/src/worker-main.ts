import { createRequire } from 'node:module';
import { GantryError, shellWords } from '@gantry/core';
import { MissingPackageError } from '@gantry/worker';
import { surviveClosedStreams } from './closed-streams.ts';
import { workerCommand } from './commands/worker.ts';
import { reportFailure } from './errors.ts';
import { collectSeldom, keepFreedMemory } from './memory.ts';

/** `gantry worker` as a program of its own: what a coordinator serves to machines without an installation. */
const { version, download } = createRequire(import.meta.url)('#package.json') as { version: string; download?: string };

surviveClosedStreams();
keepFreedMemory();
collectSeldom();
try {
  await workerCommand().name('gantry-worker').version(version).parseAsync();
} catch (error) {
  reportFailure(withRemedy(error));
}

/** How the package that an engine lacks comes with the worker, as npx was told what to fetch. */
function withRemedy(error: unknown): unknown {
  const url = process.argv.find((argument) => /^wss?:/.test(argument));
  if (!(error instanceof MissingPackageError) || error.packageName !== 'onnxruntime-node' || !url || !download)
    return error;
  const archive = new URL(download, url.replace(/^ws/, 'http'));
  // On a terminal it was pasted; elsewhere it stands in the environment already.
  const settings = process.stderr.isTTY ? ['NODE_EXTRA_CA_CERTS', 'GANTRY_TOKEN'] : [];
  const line = [
    ...settings.flatMap((name) => (process.env[name] ? [`${name}=${shellWords([process.env[name]])}`] : [])),
    // The package's script of installation would fetch CUDA's files from elsewhere.
    'ONNXRUNTIME_NODE_INSTALL=skip',
    `npx --yes -p ${archive.href} -p ${error.packageName} gantry-worker`,
    shellWords(process.argv.slice(2)),
  ].join(' ');
  return new GantryError(error.code, `${error.why}; to add it: ${line}`, { cause: error });
}
