/**
 * Makes the pictures of the dashboard:
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
const link = process.argv[2] ?? (await startRun());
const images = process.argv[3] ?? fileURLToPath(new URL('./images/', import.meta.url));
const browser = await launchChromium();
for (const { name, colorScheme, width, height } of VIEWS) {
  const page = await browser.newPage({ colorScheme, viewport: { width, height }, deviceScaleFactor: 1 });
  await page.goto(link);
  await page.getByAltText('Sixteen generated digits').waitFor();
  // The charts and the timeline come with the first update after the snapshot.
  await page.locator('.u-over').nth(3).waitFor();
  await page.screenshot({ path: join(images, `dashboard-${name}.png`), fullPage: name !== 'phone' });
}
await browser.close();
killAll();
rmSync(directory, { recursive: true, force: true });

/** @returns the link to its dashboard, once there is something to see */
async function startRun(): Promise<string> {
  const run = join(directory, 'digits');
  const training = new Gantry(['train', '--workers', '3', '--limit', '5760', '--epochs', '50', '--run', run]);
  const [, dashboard = ''] = await training.output(/dashboard: (\S+)/);
  await training.output(new RegExp(`epoch ${EPOCHS_SHOWN}/`));
  return dashboard;
}
