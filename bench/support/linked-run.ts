import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Answers, SyntheticWorker, temporaryDirectory } from '@gantry/cli/bench';
import type { MetricsLine } from '@gantry/coordinator';
import type { RecordedEvent, Wire } from '@gantry/core';
import { freePort } from '../../test/chaos/free-port.ts';
import { Dashboard } from '../../test/support/dashboard.ts';
import { Gantry } from '../../test/support/gantry-process.ts';
import { readJsonLines, readToken } from '../../test/support/run-files.ts';
import { optionsOf } from './json-command.ts';
import { MessageTally, type MessageBytes } from './message-tally.ts';
import { NetworkCard, type LinkRate } from './network-card.ts';

const BATCH = 256;
const SHARD = 64;
const WORKERS = 2;
const IMAGE_BYTES = 28 * 28;
/** In the first one, all images travel, and the weights as a whole. */
const EPOCHS = 2;

/** How a run goes. */
export interface Setting {
  readonly localSteps: number;
  readonly wire: Wire;
  /** Of an epoch; a whole number of rounds. */
  readonly images: number;
}

/** What an epoch came to. */
export interface EpochFigures {
  readonly imagesPerSecond: number;
  /** For an image that was trained with. */
  readonly bytesPerImage: MessageBytes;
}

/**
 * Trains two workers of one thread each, which a link joins to their coordinator.
 * @param deviceRate images per second: workers wait as long as such devices would, and compute nothing; absent: they
 * compute
 * @returns the epochs, in order; the next one's time has the checkpoint of the one before
 */
export async function linkedRun(
  setting: Setting,
  rate: LinkRate,
  deviceRate: number | undefined,
): Promise<EpochFigures[]> {
  for (;;) {
    const epochs = await attempt(setting, rate, deviceRate);
    if (epochs) return epochs;
  }
}

/** @returns undefined where a worker began before the others were there: it would have computed alone */
async function attempt(
  { localSteps, wire, images }: Setting,
  rate: LinkRate,
  deviceRate: number | undefined,
): Promise<EpochFigures[] | undefined> {
  const run = join(temporaryDirectory(), 'run');
  const port = await freePort();
  const tally = new MessageTally(IMAGE_BYTES);
  const card = await NetworkCard.open(port, { ...rate, onData: tally.follow });
  const training = {
    batch: BATCH,
    'shard-size': SHARD,
    limit: images,
    epochs: EPOCHS,
    'local-steps': localSteps,
    wire,
  };
  const place = { run, listen: `127.0.0.1:${port}`, 'allow-host': `127.0.0.1:${card.port}` };
  const options = optionsOf({ ...training, ...place, 'evaluate-every': 0 });
  const coordinator = new Gantry(['coordinator', ...options, '--exit']);
  const workers: Gantry[] = [];
  try {
    const dashboard = await Dashboard.of(coordinator);
    await dashboard.control({ action: 'pause' });
    const token = readToken(run);
    const work = ['worker', `ws://127.0.0.1:${card.port}`, '--threads', '1', '--engine', 'native'];
    for (let i = 0; i < WORKERS; i++) {
      if (deviceRate === undefined) workers.push(new Gantry(work, { GANTRY_TOKEN: token }));
      else joinDevice({ port: card.port, token, name: `device-${i}` }, deviceRate);
    }
    await dashboard.watch().until((message) => message.workers.length === WORKERS);
    if (!readJsonLines<RecordedEvent>(run, 'events.jsonl').some(({ type }) => type === 'paused')) return undefined;
    await dashboard.control({ action: 'resume' });
    const { code, stderr } = await coordinator.finished;
    if (code !== 0) throw new Error(stderr);
    await Promise.all(workers.map(({ finished }) => finished));
    const steps = readJsonLines<MetricsLine>(run, 'metrics.jsonl');
    const rounds = images / BATCH / localSteps;
    return Array.from({ length: EPOCHS }, (_, epoch) => {
      const own = steps.filter((step) => step.epoch === epoch + 1);
      const seconds = own.reduce((sum, { ms }) => sum + ms.total, 0) / 1000;
      const bytes = tally.sum(epoch * rounds, (epoch + 1) * rounds - 1);
      const perImage = (count: number) => count / images;
      return {
        imagesPerSecond: images / seconds,
        bytesPerImage: { in: perImage(bytes.in), out: perImage(bytes.out), images: perImage(bytes.images) },
      };
    });
  } finally {
    for (const { process } of [coordinator, ...workers]) process.kill('SIGKILL');
    card.close();
    await rm(run, { recursive: true, force: true });
  }
}

/** @param rate images per second */
function joinDevice(worker: { port: number; token: string; name: string }, rate: number): void {
  const delayMs = (samples: number) => (samples * 1000) / rate;
  const ignore = () => undefined;
  const behaviour = { answers: new Answers(false), onMessage: ignore, onClosed: ignore };
  new SyntheticWorker({ ...worker, threads: 1, claimedMs: delayMs(SHARD), delayMs, ...behaviour }).release();
}
