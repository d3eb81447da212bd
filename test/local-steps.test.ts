import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MetricsLine } from '@gantry/coordinator';
import { describe, expect, it } from 'vitest';
import { Cluster, eventsOf, workOf } from './support/cluster.ts';
import {
  Gantry,
  digestOf,
  gantry,
  gantryOk,
  lineCount,
  readJsonLines,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

/** Two epochs of seven steps; the last batch of each is of 24 images, which only two of the four replicas have a part of. */
const RUN = [...TINY, '--seed', '7', '--epochs', '2', '--limit', '408', '--batch', '64', '--shard-size', '16'];
const LOCAL = ['--local-steps', '4'];
const KINDS = [
  ['local steps', LOCAL],
  ['local steps over int8', [...LOCAL, '--wire', 'int8']],
  ['local steps over bfloat16', [...LOCAL, '--wire', 'bfloat16']],
  ['local steps after a synchronous epoch, over int8', [...LOCAL, '--local-steps-from', '2', '--wire', 'int8']],
  ['synchronous over int8', ['--wire', 'int8']],
  ['synchronous over bfloat16', ['--wire', 'bfloat16']],
] as const;

describe.each(KINDS)('%s', (_, options) => {
  it('gives the same weights with any number of workers', async () => {
    const digest = (workers: number) => trainedDigest(...RUN, ...options, '--workers', `${workers}`);
    const single = await digest(0);
    expect(single).not.toBe(await trainedDigest(...RUN, '--workers', '0'));
    for (const count of [1, 2, 3, 5]) expect(await digest(count), `${count} workers`).toBe(single);
  });
});

it('the DCGAN has the same weights with any number of workers, too', async () => {
  const run = ['--seed', '7', '--epochs', '1', '--limit', '216', '--batch', '64', '--shard-size', '16'];
  const digest = (workers: number) => trainedDigest(...run, ...LOCAL, '--wire', 'int8', '--workers', `${workers}`);
  expect(await digest(2)).toBe(await digest(0));
});

describe.each([
  ['float32', LOCAL],
  // So many units that a thread adds them up.
  ['int8', [...LOCAL, '--wire', 'int8', '--shard-size', '4']],
])('the weights of local steps over %s stay the same when', (_, options) => {
  it('workers join, are killed and freeze, and the coordinator is killed', async () => {
    const cluster = new Cluster(options);
    const [, dies, freezes] = await cluster.workers('stays', 'dies', 'freezes');
    await cluster.steps(8);
    dies?.process.kill('SIGKILL');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'dies');
    await cluster.worker('joins');
    await whenFiles(() => workOf(cluster.path).some(({ worker }) => worker === 'joins'));
    freezes?.process.kill('SIGSTOP');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'freezes');
    freezes?.process.kill('SIGCONT');
    await cluster.steps(8);
    await cluster.restartCoordinator('SIGKILL');
    await cluster.finish(['stays', 'joins', 'freezes']);

    const events = eventsOf(cluster.path);
    expect(events.find(({ type }) => type === 'resumed')?.step).toBeGreaterThan(0);
    // What the killed one had, the others computed: its units, and no more.
    const requeued = events.filter(({ type, worker }) => type === 'requeued' && worker === 'dies');
    expect(requeued.length).toBeGreaterThan(0);
    expect(requeued.length).toBeLessThanOrEqual(16);
    const takenOver = events.filter(
      ({ type, from }) => (type === 'duplicated' || type === 'stolen') && from === 'freezes',
    );
    expect(takenOver.length).toBeGreaterThan(0);
  });
});

describe('a run of local steps', () => {
  const INT8 = [...LOCAL, '--wire', 'int8'];

  it('is the same when its units are computed twice, by workers and the coordinator', async () => {
    const run = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...RUN, ...INT8, '--workers', '2', '--audit', '0.5', '--run', run);
    expect(digestOf(run)).toBe(await trainedDigest(...RUN, ...INT8, '--workers', '0'));
    expect(eventsOf(run).map(({ type }) => type)).not.toContain('lied');
  });

  it.each([
    ['tiny', TINY, '408'],
    ['dcgan', [], '88'],
  ])(
    'of many units is the same where a thread adds them up as they come, and where audits keep them (%s)',
    async (...[, model, limit]) => {
      const many = [...model, '--seed', '7', '--epochs', '1', '--limit', limit, '--batch', '64', '--shard-size', '4'];
      const inThread = await trainedDigest(...many, ...INT8, '--workers', '1');
      expect(await trainedDigest(...many, ...INT8, '--workers', '3')).toBe(inThread);
      expect(await trainedDigest(...many, ...INT8, '--workers', '2', '--audit', '0.1')).toBe(inThread);
    },
  );

  it('is the same on a worker that keeps no images', async () => {
    const run = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...RUN, ...INT8, '--run', run]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    await gantryOk('worker', url, '--threads', '2', '--image-cache', '0');
    expect((await coordinator.finished).code).toBe(0);
    expect(digestOf(run)).toBe(await trainedDigest(...RUN, ...INT8, '--workers', '0'));
  });

  it('has a line of metrics for each step, and names gradients as what they are', async () => {
    const run = join(temporaryDirectory(), 'run');
    const options = [...RUN, ...LOCAL, '--local-steps-from', '2', '--checkpoint-every', '3'];
    await gantryOk('train', ...options, '--workers', '1', '--run', run);
    const lines = readJsonLines<MetricsLine>(run, 'metrics.jsonl');
    expect(lines.map(({ step }) => step)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
    for (const { step, ...line } of lines) {
      const isLocal = step > 7;
      expect(line['generatorGradNorm'] === undefined).toBe(isLocal);
      expect(line['generatorReplicaGradNorm'] === undefined).toBe(!isLocal);
      for (const name of ['generatorLoss', 'discriminatorLoss']) expect(line[name]).toBeGreaterThan(0);
    }
    // Checkpoints come where a round ends that has a third step, and with each epoch.
    const checkpoints = eventsOf(run).filter(({ type }) => type === 'checkpoint');
    expect(checkpoints.map(({ step }) => step)).toEqual([3, 6, 7, 11, 14]);
  });

  it('gives up a round that takes longer than a stop may wait, and loses nothing but its work', async () => {
    const run = join(temporaryDirectory(), 'run');
    // One replica of 24 steps, of which each takes a tenth of a second or more.
    const options = ['--seed', '7', '--epochs', '1', '--limit', '1536', '--batch', '64', '--local-steps', '24'];
    const stopped = new Gantry(['train', ...options, '--workers', '1', '--stop-within', '0', '--run', run]);
    await whenFiles(() => existsSync(join(run, 'events.jsonl')) && eventsOf(run).some(({ type }) => type === 'joined'));
    stopped.process.kill('SIGINT');
    expect((await stopped.finished).code).toBe(130);
    expect(eventsOf(run).map(({ type }) => type)).toContain('stopped');
    expect(lineCount(run, 'metrics.jsonl')).toBe(0);
    await gantryOk('train', '--run', run, '--resume', '--workers', '2');
    expect(digestOf(run)).toBe(await trainedDigest(...options, '--workers', '0'));
  });

  it.each([
    ['--local-steps', '8', 'localSteps|--local-steps'],
    ['--wire', 'int8', 'wire'],
    ['--local-steps-from', '2', 'local-steps-from'],
  ])('is refused with another %s when it is resumed', async (option, value, named) => {
    const run = join(temporaryDirectory(), 'run');
    await gantryOk('train', ...RUN, ...LOCAL, '--epochs', '1', '--workers', '0', '--run', run);
    const refused = await gantry('train', '--run', run, '--resume', ...TINY_DATA, option, value, '--workers', '0');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(new RegExp(`cannot resume with another .*(${named})`));
  });
});
