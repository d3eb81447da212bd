import type { WorkLine } from '@gantry/coordinator';
import { describe, expect, it } from 'vitest';
import { CPU_ENGINES, DEFAULT_ENGINE } from './support/c-compiler.ts';
import { Cluster, eventsOf, workOf } from './support/cluster.ts';
import { trainedDigest, whenFiles } from './support/gantry.ts';
import { TINY } from './support/tiny.ts';

/** Two epochs of four steps; their last batches of 24 are cut into shards of 16 and 8. */
const SMALL_RUN = ['--seed', '7', '--epochs', '2', '--limit', '216', '--batch', '64', '--shard-size', '16'];

describe.each(CPU_ENGINES)('the weights of the %s engine', (engine) => {
  // How shards are dealt out is the same for all engines.
  const tinyCounts = engine === DEFAULT_ENGINE ? [1, 2, 3, 5] : [5];
  it.each([
    ['the tiny model', TINY, tinyCounts],
    ['the DCGAN', [], [2]],
  ] as const)('are those of one process with any number of workers: %s', async (_, model, counts) => {
    const digest = (workers: number) =>
      trainedDigest(...model, ...SMALL_RUN, '--engine', engine, '--workers', `${workers}`);
    const single = await digest(0);
    for (const count of counts) expect(await digest(count), `${count} workers`).toBe(single);
  });
});

describe('the weights stay the same when', () => {
  it('a worker joins in the middle of the run', async () => {
    const cluster = new Cluster();
    await cluster.worker('first');
    await cluster.steps(2);
    await cluster.worker('second');
    await whenFiles(() => workOf(cluster.path).some(({ worker }) => worker === 'second'));
    await cluster.finish(['first', 'second']);
    expect(
      eventsOf(cluster.path).find(({ type, worker }) => type === 'joined' && worker === 'second')?.step,
    ).toBeGreaterThan(0);
    expect(new Set(workOf(cluster.path).map(({ worker }) => worker))).toEqual(new Set(['first', 'second']));
  });

  it('a worker leaves, and another is killed', async () => {
    const cluster = new Cluster();
    const [, leaves, dies] = await cluster.workers('stays', 'leaves', 'dies');
    await cluster.steps(1);
    leaves?.process.kill('SIGTERM');
    expect((await leaves?.finished)?.code).toBe(0);
    await cluster.steps(2);
    dies?.process.kill('SIGKILL');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'dies');
    await cluster.finish(['stays']);

    const events = eventsOf(cluster.path);
    expect(events.find(({ type, worker }) => type === 'left' && worker === 'leaves')?.['cause']).toBe(
      'it said goodbye',
    );
    expect(events.some(({ type, worker }) => type === 'left' && worker === 'dies')).toBe(true);
    const requeued = events.filter(({ type, worker }) => type === 'requeued' && worker === 'dies');
    expect(requeued.length).toBeGreaterThan(0);
    for (const { of, shard } of requeued) {
      const isOver = ([level, index]: WorkLine['node']) => Number(shard) >> level === index;
      const doneBy = workOf(cluster.path).find(({ step, node }) => step === of && isOver(node))?.worker;
      expect(doneBy).toBe('stays');
    }
  });

  it('a worker freezes for a while', async () => {
    const cluster = new Cluster();
    const [, freezes] = await cluster.workers('works', 'freezes');
    await cluster.steps(1);
    freezes?.process.kill('SIGSTOP');
    await cluster.event(({ type, worker }) => type === 'left' && worker === 'freezes');
    freezes?.process.kill('SIGCONT');
    await cluster.finish(['works', 'freezes']);
    const events = eventsOf(cluster.path);
    expect(events.find(({ type, worker }) => type === 'left' && worker === 'freezes')?.['cause']).toMatch(/silent for/);
    const takenOver = events.filter(
      ({ type, from }) => (type === 'duplicated' || type === 'stolen') && from === 'freezes',
    );
    expect(takenOver.length).toBeGreaterThan(0);
  });

  it('the coordinator is killed and resumed', async () => {
    const cluster = new Cluster();
    await cluster.worker('a');
    await cluster.worker('b');
    for (let i = 0; i < 2; i++) {
      await cluster.steps(25);
      await cluster.restartCoordinator('SIGKILL');
    }
    await cluster.finish(['a', 'b']);
    const resumed = eventsOf(cluster.path).filter(({ type }) => type === 'resumed');
    expect(resumed).toHaveLength(3);
    for (const { step } of resumed) expect(step).toBeGreaterThan(0);
  });
});
