/**
 * Makes the pictures of the dashboard, of its curve of quality, and of a tab that computes:
 *
 *     npm run screenshots                          of a short run of its own, in docs/images
 *     npm run screenshots -- LINK [DIRECTORY]      of the run at that link, which goes on or has its dashboard still
 *
 * Needs Chromium; its path may be given by CHROMIUM.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withToken } from '@gantry/cli/bench';
import { launchChromium } from '../test/support/chromium.ts';
import { Gantry, killAll } from '../test/support/gantry-process.ts';

const VIEWS = [
  { name: 'light', colorScheme: 'light', width: 1440, height: 1150 },
  { name: 'dark', colorScheme: 'dark', width: 1440, height: 1150 },
  { name: 'phone', colorScheme: 'light', width: 390, height: 844 },
] as const;
/** Epochs of 23 steps. */
const EPOCHS_SHOWN = 4;

process.on('exit', killAll);
const directory = mkdtempSync(join(tmpdir(), 'gantry-'));
const given = process.argv[2];
const link = given ?? (await startRun());
const images = process.argv[3] ?? fileURLToPath(new URL('./images/', import.meta.url));
const browser = await launchChromium();
for (const { name, colorScheme, width, height } of VIEWS) {
  const page = await browser.newPage({ colorScheme, viewport: { width, height }, deviceScaleFactor: 1 });
  await page.goto(link);
  await page.getByAltText('Sixteen generated pictures').waitFor();
  // The charts and the timeline come with the first update after the snapshot.
  await page.locator('.u-over').nth(3).waitFor();
  const distance = page.locator('figure.chart', { hasText: 'distance' });
  await distance.waitFor();
  await page.screenshot({ path: join(images, `dashboard-${name}.png`), fullPage: name !== 'phone' });
  if (name === 'light') await distance.screenshot({ path: join(images, 'distance.png') });
}
if (given === undefined) {
  const page = await browser.newPage({ viewport: { width: 720, height: 420 } });
  await page.goto(await startRunForTab());
  const shards = page.locator('.figures div', { hasText: 'shards' }).locator('dd');
  await shards.filter({ hasText: /^[5-9]/ }).waitFor({ timeout: 120_000 });
  await page.screenshot({ path: join(images, 'join.png') });
}
await browser.close();
killAll();
rmSync(directory, { recursive: true, force: true });

/** @returns the link to its dashboard, once there is something to see */
async function startRun(): Promise<string> {
  const run = join(directory, 'digits');
  const training = new Gantry([
    'train',
    '--workers',
    '3',
    '--limit',
    '5760',
    '--epochs',
    '50',
    '--evaluate-every',
    '1',
    '--run',
    run,
  ]);
  const [, dashboard = ''] = await training.output(/dashboard: (.*)/);
  await training.output(new RegExp(`evaluated epoch ${EPOCHS_SHOWN}:`));
  return withToken(dashboard);
}

/** @returns the link for tabs */
async function startRunForTab(): Promise<string> {
  killAll();
  const coordinator = new Gantry([
    'coordinator',
    '--listen',
    '127.0.0.1:0',
    '--run',
    join(directory, 'digits-in-a-tab'),
  ]);
  const [, tab = ''] = await coordinator.output(/browser's tab: (.*)/);
  return withToken(tab);
}
