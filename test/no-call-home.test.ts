import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Gantry, temporaryDirectory } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { isProvided } from './support/requirements.ts';
import { foreignCalls, straceExists, traceConnections } from './support/strace.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const hasStrace = isProvided('strace', straceExists);
const SIZES = ['--epochs', '1', '--limit', '64', '--batch', '16', '--shard-size', '8'];
const RUN = [...TINY, ...SIZES];
/** By the library: each engine has a thread, and this process draws pictures. */
const SCRIPT = `
import { generate, train } from '@gantry/cli';
const [run, data] = process.argv.slice(1);
const config = { model: 'tiny', epochs: 1, limit: 64, batch: 16, shardSize: 8 };
const live = await train({ run, data, config, workers: { threads: 1, engine: 'onnx' } });
for await (const update of live);
await live.finished;
await generate(run);
`;

const newRun = (): string => join(temporaryDirectory(), 'run');

/** Runs a command to its end in a home that is empty. */
async function watched(args: readonly string[], command?: string[]): Promise<{ files: string[]; calls: string[] }> {
  const [home, cache, trace] = [temporaryDirectory(), temporaryDirectory(), join(temporaryDirectory(), 'trace')];
  const begin = hasStrace ? traceConnections(trace) : [];
  const env = { HOME: home, XDG_CACHE_HOME: cache };
  const { code, stderr } = await new Gantry(args, env, [...begin, ...(command ?? GANTRY)]).finished;
  expect(code, stderr).toBe(0);
  const files = [...readdirSync(home), ...readdirSync(cache).filter((name) => name !== 'gantry')];
  return { files, calls: hasStrace ? foreignCalls(trace) : [] };
}

const NOTHING = { files: [], calls: [] };

describe(`nothing is noted in the home and nobody is asked${hasStrace ? '' : ' (connections are not seen: strace is absent)'}`, () => {
  it.each(['0', '2'])('by a training with --workers %s', async (workers) => {
    const options = ['--workers', workers, '--engine', 'onnx', '--run', newRun()];
    expect(await watched(['train', ...RUN, ...options])).toEqual(NOTHING);
  });

  it('by a worker', async () => {
    const coordinator = new Gantry(['coordinator', ...RUN, '--listen', '127.0.0.1:0', '--run', newRun()]);
    const [, url = ''] = await coordinator.output(/^attach workers with: .* (ws:\S+)$/m);
    expect(await watched(['worker', url, '--engine', 'onnx'])).toEqual(NOTHING);
    await coordinator.finished;
  });

  it('by the doctor', async () => {
    expect(await watched(['doctor'])).toEqual(NOTHING);
  });

  it('by the library', async () => {
    const [, data = ''] = TINY_DATA;
    const node = [process.execPath, '--input-type=module', '-e', SCRIPT];
    expect(await watched([newRun(), data], node)).toEqual(NOTHING);
  });
});
