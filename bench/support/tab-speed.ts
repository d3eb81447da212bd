import { join } from 'node:path';
import { median, startCoordinator, temporaryDirectory, withToken } from '@gantry/cli/bench';
import type { WorkLine } from '@gantry/coordinator';
import { launchChromium } from '../../test/support/chromium.ts';
import { readJsonLines } from '../../test/support/run-files.ts';
import { poll } from './poll.ts';

const LIMIT_MS = 10 * 60_000;
/** The first one finds cold caches. */
const WARM_UP_SHARDS = 1;
const SHARDS = 4;

/**
 * Images per second that a tab of Chromium computes on WebAssembly, as the only worker of a run: taking over the weights counts,
 * and inputs that were made while it waited for them do not.
 */
export async function tabSpeed(shardSize: number): Promise<number> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const run = join(temporaryDirectory(), 'run');
    const sizes = ['--batch', `${shardSize}`, '--shard-size', `${shardSize}`];
    const { gantry } = await startCoordinator(sizes, { run });
    try {
      const [, link = ''] = await gantry.output(/browser's tab: (.*)/, LIMIT_MS);
      await page.goto(withToken(link));
      const work = await poll(LIMIT_MS, 'shards of a tab', () => {
        const lines = readJsonLines<WorkLine>(run, 'work.jsonl');
        return lines.length >= WARM_UP_SHARDS + SHARDS ? lines : undefined;
      });
      const times = work.slice(WARM_UP_SHARDS, WARM_UP_SHARDS + SHARDS).map(({ ms }) => ms);
      return (shardSize * 1000) / median(times);
    } finally {
      await gantry.crash();
    }
  } finally {
    await browser.close();
  }
}
