import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type Axe from 'axe-core';
import { withToken } from '@gantry/cli/bench';
import type { MetricsLine, WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from './chaos/free-port.ts';
import { SlowLink } from './chaos/slow-link.ts';
import { SOFTWARE_WEBGPU, chromiumExists, launchChromium, listenTo } from './support/chromium.ts';
import { expectCloseMetrics } from './support/close-metrics.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, digestOf, lineCount, readJsonLines, temporaryDirectory, whenFiles } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { softwareGpuExists } from './support/software-gpu.ts';
import { TINY } from './support/tiny.ts';

/** Epochs of 64 steps of two shards. */
const SIZES = [...TINY, '--batch', '16', '--shard-size', '8', '--limit', '1024', '--seed', '7'];
/** Enough to close a tab in the middle. */
const FOUR_EPOCHS = [...SIZES, '--epochs', '4'];
const STEPS = 256;
const STEPS_PER_EPOCH = 64;
const FLIPS = 4;
const ENDLESS = ['--epochs', '100000'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const hasChromium = isProvided('chromium', chromiumExists);
const hasGpu = isProvided('webgpu', softwareGpuExists);

describe.skipIf(!hasChromium)(`workers in a browser${hasChromium ? '' : ' (skipped: chromium is absent)'}`, () => {
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser.close();
  });

  /** A run that waits for workers. */
  async function start(sizes = FOUR_EPOCHS) {
    const run = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...sizes, '--exit', '--run', run]);
    const [, printed = ''] = await coordinator.output(/browser's tab: (.*)/);
    const link = withToken(printed);
    return { run, coordinator, link };
  }

  async function openTab(link: string, inside = browser): Promise<Page> {
    const page = await inside.newPage();
    page.on('close', () => complaints.push(...heard.complaints));
    const heard = listenTo(page);
    await page.goto(link);
    return page;
  }

  const state = (page: Page, text: string) => page.locator('.state', { hasText: text }).waitFor();
  const nameOf = async (page: Page) => (await page.getByRole('heading').textContent()) ?? '';
  const figure = (page: Page, name: string) =>
    page.locator('.figures div', { has: page.getByText(name, { exact: true }) }).locator('dd');
  const work = (run: string) => readJsonLines<WorkLine>(run, 'work.jsonl');
  const events = (run: string, type: string) =>
    readJsonLines<RecordedEvent>(run, 'events.jsonl').filter((event) => event.type === type);

  it('two tabs alone complete a run, and one that is closed with a shard in its hands costs nothing else', async () => {
    const { run, coordinator, link } = await start();
    const dashboard = await Dashboard.of(coordinator);
    const third = await openTab(link);
    const thirdName = await nameOf(third);
    await whenFiles(() => work(run).length > 0);
    await third.close();
    await whenFiles(() => events(run, 'left').some((event) => event['worker'] === thirdName));
    expect(events(run, 'requeued')).toContainEqual(expect.objectContaining({ worker: thirdName }));
    // The two shall find steps left, however long they take to start.
    expect(await dashboard.control({ action: 'pause' })).toMatchObject({ ok: true });
    const tabs = await Promise.all([openTab(link), openTab(link)]);
    const names = await Promise.all(tabs.map(nameOf));
    await Promise.all(tabs.map((tab) => state(tab, 'working')));
    expect(await dashboard.control({ action: 'resume' })).toMatchObject({ ok: true });
    expect((await coordinator.finished).code).toBe(0);
    for (const tab of tabs) await state(tab, 'done');

    const metrics = readJsonLines<MetricsLine>(run, 'metrics.jsonl');
    expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    const losses = metrics.flatMap((line) => [line['generatorLoss'], line['discriminatorLoss']]);
    expect(losses.every(Number.isFinite)).toBe(true);
    const workers = new Set(work(run).map(({ worker }) => worker));
    expect([...workers].toSorted()).toEqual([...names, thirdName].toSorted());
    expect(new Set(work(run).map((line) => line.class)).size).toBe(1);
    const joined = events(run, 'joined').find((event) => event['worker'] === names[0]);
    expect(joined).toMatchObject({ engine: 'onnx', device: 'wasm' });
    for (const tab of tabs) await tab.close();

    // Another run with one tab, which is reloaded in the middle, comes to the same bits.
    const again = await start();
    const only = await openTab(again.link);
    const name = await nameOf(only);
    await whenFiles(() => readJsonLines(again.run, 'metrics.jsonl').length >= 1);
    expect(only.url()).not.toContain('token');
    await only.reload();
    expect(await nameOf(only)).toBe(name);
    expect((await again.coordinator.finished).code).toBe(0);
    await state(only, 'done');
    expect(events(again.run, 'joined')).toHaveLength(2);
    expect(digestOf(again.run)).toBe(digestOf(run));
    expect(await figure(only, 'images computed').textContent()).toMatch(/^[1-9][\d,]*$/);
    await only.close();
  });

  it.skipIf(!hasGpu)(
    `a tab on a GPU trains as a CPU does, to within rounding${hasGpu ? '' : ' (skipped: SwiftShader or libvulkan.so.1 is absent)'}`,
    async () => {
      // The GPU is made of software, and slow.
      const sizes = [...TINY, '--limit', '2', '--batch', '2', '--shard-size', '2', '--epochs', '1', '--seed', '3'];
      const withGpu = await launchChromium(SOFTWARE_WEBGPU);
      try {
        const [onGpu, onCpu] = await Promise.all(
          (['webgpu', 'wasm'] as const).map(async (device) => {
            const { run, coordinator, link } = await start(sizes);
            const tab = await openTab(`${link}&device=${device}`, withGpu);
            expect((await coordinator.finished).code).toBe(0);
            await tab.close();
            expect(events(run, 'joined')[0]).toMatchObject({ engine: 'onnx', device });
            return readJsonLines<MetricsLine>(run, 'metrics.jsonl')[0] as MetricsLine;
          }),
        );
        expectCloseMetrics(onGpu as MetricsLine, onCpu as MetricsLine);
      } finally {
        await withGpu.close();
      }
    },
  );

  it('a bit that changes on the way to or from a tab is noticed, and changes nothing', async () => {
    const port = await freePort();
    const link = await SlowLink.open(port);
    const run = join(temporaryDirectory(), 'run');
    const places = ['--listen', `127.0.0.1:${port}`, '--allow-host', `127.0.0.1:${link.port}`];
    const coordinator = new Gantry(['coordinator', ...places, ...SIZES, ...ENDLESS, '--exit', '--run', run]);
    const [, printed = ''] = await coordinator.output(/browser's tab: (.*)/);
    const tab = await openTab(withToken(printed).replace(`:${port}/`, `:${link.port}/`));
    const steps = () => lineCount(run, 'metrics.jsonl');
    for (let i = 0; i < FLIPS; i++) {
      const [before, left] = [steps(), events(run, 'left').length];
      await whenFiles(() => steps() > before);
      link.flip(i % 2 === 0 ? 'coordinator' : 'worker', i * 7919);
      await whenFiles(() => events(run, 'left').length > left);
    }
    expect(events(run, 'damaged').length).toBeGreaterThan(0);
    expect(events(run, 'quarantined')).toEqual([]);
    await tab.close();
    link.close();
    coordinator.process.kill('SIGINT');
    await coordinator.finished;
    // A tab rounds in its own way: only another one can say what the bits should have been.
    const epochs = String(Math.ceil(steps() / STEPS_PER_EPOCH));
    const undisturbed = await start([...SIZES, '--epochs', epochs]);
    const other = await openTab(undisturbed.link);
    expect((await undisturbed.coordinator.finished).code).toBe(0);
    await other.close();
    const found = (path: string) =>
      readJsonLines<MetricsLine>(path, 'metrics.jsonl').map(({ step, generatorLoss, discriminatorLoss }) => {
        return [step, generatorLoss, discriminatorLoss];
      });
    expect(found(run)).toEqual(found(undisturbed.run).slice(0, steps()));
  });

  it("trains the tutorial's model, leaves when it is told to, and comes back", async () => {
    const { run, link } = await start(['--batch', '8', '--shard-size', '4', '--limit', '32', ...ENDLESS]);
    const tab = await openTab(link);
    await state(tab, 'working');
    await whenFiles(() => work(run).length > 0);
    await tab.getByRole('button', { name: 'Leave' }).click();
    await state(tab, 'done');
    await whenFiles(() => events(run, 'left').length === 1);
    await tab.getByRole('button', { name: 'Join again' }).click();
    await state(tab, 'working');
    await tab.close();
  });

  it('has no serious accessibility violation, and asks for a token where there is none', async () => {
    const { link } = await start([...SIZES, ...ENDLESS]);
    const context = await browser.newContext({ bypassCSP: true });
    const page = await context.newPage();
    await page.goto(link.replace(/#.*/, ''));
    for (const token of ['wrong', link]) {
      await expectAccessible(page);
      await page.getByLabel('Token or link').fill(token);
      await page.getByRole('button', { name: 'Join' }).click();
      if (token === 'wrong') await page.getByRole('alert').getByText('does not accept this token').waitFor();
    }
    await state(page, 'working');
    await expectAccessible(page);
    await context.close();
  });

  it('complains of nothing in the console', () => {
    expect(complaints).toEqual([]);
  });

  async function expectAccessible(page: Page): Promise<void> {
    await page.addScriptTag({ content: AXE });
    const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof Axe }).axe.run());
    expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')).toEqual([]);
  }
});
