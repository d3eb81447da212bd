/**
 * How the dashboard does in Chromium with a hundred workers, the history of fifty epochs and four updates a second:
 *
 *     npm run bench:dashboard           two minutes; writes bench/results/dashboard.json
 *     npm run bench:dashboard -- quick  ten seconds; writes nothing
 *
 * Needs Chromium; its path may be given by CHROMIUM.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describeMachine, digits, table } from '@gantry/cli/bench';
import type { CDPSession, Page } from 'playwright-core';
import { launchChromium } from '../test/support/chromium.ts';
import { serveSyntheticRun } from './support/synthetic-coordinator.ts';
import { SyntheticRun } from './support/synthetic-run.ts';

const WORKERS = 100;
const STEPS = 11_750;
const quick = process.argv.includes('quick');
const SECONDS = quick ? 10 : 120;
const HEAP_SAMPLES = 8;
const PICTURE = readFileSync(new URL('../docs/images/dashboard-phone.png', import.meta.url));

/** Megabytes that are left after a garbage collection. */
async function heapMB(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? NaN) / 1e6;
}

/** Milliseconds between frames, from now on for some time. */
function frameTimes(page: Page, ms: number): Promise<number[]> {
  // As text: what tsx compiles calls helpers that the page does not have.
  return page.evaluate<number[]>(`new Promise((resolve) => {
    const times = [];
    let last;
    const begin = performance.now();
    requestAnimationFrame(function frame(now) {
      if (last !== undefined) times.push(now - last);
      last = now;
      if (now - begin > ${ms}) resolve(times);
      else requestAnimationFrame(frame);
    });
  })`);
}

/** @param part 0 … 1 */
function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? NaN;
}

const machine = describeMachine();
const { link, close } = await serveSyntheticRun(new SyntheticRun(WORKERS, STEPS), PICTURE);
const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.goto(link);
await page.locator('.u-over').nth(3).waitFor();
const firstPaintMs = await page.evaluate(
  () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
);
const allPanelsMs = await page.evaluate(() => performance.now());
const devtools = await page.context().newCDPSession(page);
await devtools.send('Performance.enable');
await delay(2000);

const heap = [await heapMB(devtools)];
const frames: number[] = [];
for (let i = 0; i < HEAP_SAMPLES; i++) {
  // A garbage collection takes a frame of its own, which is not the page's.
  frames.push(...(await frameTimes(page, (SECONDS * 1000) / HEAP_SAMPLES)));
  heap.push(await heapMB(devtools));
}
await browser.close();
close();

const results = {
  workers: WORKERS,
  steps: STEPS,
  seconds: SECONDS,
  firstPaintMs,
  allPanelsMs,
  frameMs: {
    median: quantile(frames, 0.5),
    p95: quantile(frames, 0.95),
    p99: quantile(frames, 0.99),
    max: Math.max(...frames),
  },
  framesBeyond50Ms: frames.filter((ms) => ms > 50).length / frames.length,
  heapMB: heap,
};
const rows: [string, string][] = [
  ['first paint, ms', digits(firstPaintMs)],
  ['all panels drawn, ms', digits(allPanelsMs)],
  ['between frames, ms: median', digits(results.frameMs.median)],
  ['… 95%, 99%, longest', [results.frameMs.p95, results.frameMs.p99, results.frameMs.max].map(digits).join(', ')],
  ['frames that took over 50 ms', `${digits(100 * results.framesBeyond50Ms)}%`],
  ['heap after garbage collection, MB: first … last', heap.map((mb) => mb.toFixed(1)).join(' ')],
];
console.log(`${machine.cpu}, ${machine.cores} cores, load before ${digits(machine.loadBefore)}; ${SECONDS} s\n`);
console.log(table(['', `${WORKERS} workers, ${STEPS} steps`], rows));
if (!quick) {
  const file = new URL('results/dashboard.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, ...results }, undefined, 2)}\n`);
}
