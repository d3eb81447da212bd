import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type Axe from 'axe-core';
import { withToken } from '@gantry/cli/bench';
import type { MetricsLine, WorkLine } from '@gantry/coordinator';
import { metricOf, type RecordedEvent, type WatchMessage } from '@gantry/core';
import type { Browser, Locator, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE } from './support/c-compiler.ts';
import { chromiumExists, launchChromium, listenTo } from './support/chromium.ts';
import { Gantry, lineCount, readJsonLines, temporaryDirectory, whenFiles } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

const SHARD_SIZE = 16;
const SIZES = ['--batch', '64', '--shard-size', `${SHARD_SIZE}`, '--limit', '216', '--epochs', '5000', '--seed', '7'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const hasChromium = isProvided('chromium', chromiumExists);
const note = hasChromium ? '' : ' (skipped: chromium is absent)';

function startWorker(link: string, name: string): Gantry {
  return new Gantry(['worker', new URL(link).origin.replace('http', 'ws'), '--threads', '1', '--name', name]);
}

/** The state of the run, in the header. */
function stateOf(page: Page, text: string): Promise<void> {
  return page.locator('header .state', { hasText: text }).waitFor();
}

/** The figure with a name in the header. */
function figureOf(page: Page, name: string): Locator {
  return page.locator('.figures div', { has: page.getByText(name, { exact: true }) }).locator('dd');
}

/** Presses a button, confirms, and reads the answer. */
async function steered(page: Page, button: string): Promise<string> {
  await page.getByRole('button', { name: button, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.getByRole('button', { name: 'Close' }).waitFor();
  const answer = await dialog.getByRole('status').textContent();
  await dialog.getByRole('button', { name: 'Close' }).click();
  return answer ?? '';
}

/** That nobody is kept from using the page as it is, and that it is no wider than its window. */
async function expectUsable(page: Page, width: number): Promise<void> {
  // The page's policy lets no script in; the browser's own tools may run one.
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof Axe };
    const { violations: found } = await axe.run();
    return found
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
  expect(violations).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
}

describe.skipIf(!hasChromium)(`the dashboard${note}`, () => {
  const path = join(temporaryDirectory(), 'run');
  let coordinator: Gantry;
  let browser: Browser;
  let page: Page;
  let link: string;
  let heard: ReturnType<typeof listenTo>;

  beforeAll(async () => {
    coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...SIZES, '--run', path]);
    const [, dashboard = ''] = await coordinator.output(/dashboard: (.*)/);
    link = withToken(dashboard);
    worker('first');
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    heard = listenTo(page);
    await page.goto(link);
    await state('training');
  });

  afterAll(async () => {
    await browser.close();
  });

  const worker = (name: string) => startWorker(link, name);
  const state = (text: string) => stateOf(page, text);
  const figure = (name: string) => figureOf(page, name);
  const steer = (button: string) => steered(page, button);
  const row = (name: string) => page.getByRole('row', { name: new RegExp(`^${name}\\b`) });

  async function expectTrueValues(): Promise<void> {
    const metrics = readJsonLines<MetricsLine>(path, 'metrics.jsonl');
    const last = metrics.at(-1) as MetricsLine;
    await figure('step')
      .getByText(new RegExp(`^${last.step.toLocaleString('en')} / 20,000$`))
      .waitFor();
    expect(await figure('epoch').textContent()).toBe(`${last.epoch + (last.step % 4 === 0 ? 1 : 0)} / 5,000`);
    const whole = (n: number) => new Intl.NumberFormat('en', { maximumFractionDigits: 0 }).format(n);
    // While the run is paused, there is no speed.
    expect(await figure('images/s now').textContent()).toBe('–');
    const three = (n: number) => (n >= 100 ? whole(n) : n.toPrecision(3));
    const curve = (title: string) =>
      page.getByRole('img', { name: new RegExp(`^${title}`) }).getAttribute('aria-label');
    const metric = (name: string) => metricOf(last, name) ?? NaN;
    const charts = {
      Loss: { generator: metric('generatorLoss'), discriminator: metric('discriminatorLoss') },
      'Probability of real': { 'D(real)': metric('dReal'), 'D(fake)': metric('dFake') },
      'Gradient norm': { generator: metric('generatorGradNorm'), discriminator: metric('discriminatorGradNorm') },
      Speed: { 'images/s': last.imagesPerSecond },
    };
    for (const [title, values] of Object.entries(charts)) {
      const words = Object.entries(values).map(([name, value]) => `${name} ${three(value)}`);
      expect(await curve(title)).toBe(`${title} over the steps; at the end: ${words.join(', ')}`);
      // The same beside the title, while nothing is hovered.
      const caption = page.locator('.chart', { hasText: title }).locator('figcaption');
      expect(await caption.locator('.value').allTextContents()).toEqual(Object.values(values).map(three));
    }
  }

  it('takes the token out of the address bar', () => {
    expect(page.url()).not.toContain('token');
  });

  it('pauses the run and shows the values of its files', async () => {
    await whenFiles(() => lineCount(path, 'metrics.jsonl') >= 6);
    expect(await steer('Pause')).toMatch(/pauses/);
    await state('paused');
    await expectTrueValues();
    const work = readJsonLines<WorkLine>(path, 'work.jsonl').filter((line) => line.worker === 'first');
    const shards = work.reduce((sum, { samples }) => sum + Math.ceil(samples / SHARD_SIZE), 0);
    // The table is drawn once a second.
    await expect
      .poll(
        async () => {
          const cells = await row('first').locator('td').allTextContents();
          return [cells[1], cells[2], cells[5]];
        },
        { timeout: 10_000 },
      )
      .toEqual([DEFAULT_ENGINE, 'cpu', String(shards)]);
    const picture = page.getByAltText(/Sixteen generated pictures/);
    await picture.waitFor();
    expect(await picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(448);
    await page.getByRole('listitem').filter({ hasText: 'first joined' }).waitFor();
    await page.getByText(/All workers (round alike|compute in machine code)/).waitFor();
    expect(await page.locator('.timeline rect').count()).toBeGreaterThan(0);
  });

  it('shows any epoch, and saves the picture and the animation', async () => {
    const files = (name: string) => readFileSync(join(path, 'samples', name));
    const epoch = page.getByRole('slider', { name: 'Epoch' });
    await epoch.fill('0');
    await page.getByAltText('Sixteen generated pictures, before training').waitFor();
    const saved = async (button: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: button }).click(),
      ]);
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
    };
    expect(await saved('Download PNG')).toEqual({ name: 'run-epoch-0000.png', bytes: files('epoch-0000.png') });
    const gif = await saved('Download GIF');
    expect([gif.name, gif.bytes.subarray(0, 6).toString()]).toEqual(['run.gif', 'GIF89a']);
    // Also where a picture takes longer than one of them is shown: none is passed over.
    const asked = new Promise<Route>((resolve) => void page.route('**/api/samples/*.png', resolve, { times: 1 }));
    await page.clock.install();
    await page.getByRole('button', { name: 'Play' }).click();
    const picture = await asked;
    const awaited = await epoch.inputValue();
    await page.clock.runFor(60_000);
    expect(await epoch.inputValue()).toBe(awaited);
    await picture.continue();
    await page.getByAltText(/Sixteen generated pictures, after epoch 1\b/).waitFor();
    await page.getByRole('button', { name: 'Halt' }).click();
    await epoch.press('End');
    await page.getByAltText(/the newest/).waitFor();
  });

  it('zooms into the curves by keyboard and by dragging, with details from the files', async () => {
    const shown = page.getByLabel('Steps shown');
    const requests = page.waitForRequest(/\/api\/history\?from=\d+&to=\d+&points=/);
    await shown.selectOption('last 100 steps');
    expect((await (await requests).response())?.status()).toBe(200);
    const plot = page.locator('.u-over').first();
    const { x, y, width } = (await plot.boundingBox()) as { x: number; y: number; width: number };
    await shown.selectOption('whole run');
    await page.mouse.move(x + 0.25 * width, y + 40);
    await expect.poll(() => page.locator('.chart .at').first().textContent()).toMatch(/^step \d+$/);
    await page.mouse.down();
    await page.mouse.move(x + 0.75 * width, y + 40, { steps: 4 });
    await page.mouse.up();
    const [, to] = /^steps \d+ to (\d+)$/.exec((await shown.locator('option:checked').textContent()) ?? '') ?? [];
    await page.mouse.move(0, 0);
    // Beside the title are the values at the end of what is shown.
    const last = readJsonLines<MetricsLine>(path, 'metrics.jsonl').find(({ step }) => step === Number(to));
    const values = page.locator('.chart').first().locator('.value');
    const three = (name: string) => (last ? metricOf(last, name) : undefined)?.toPrecision(3);
    await expect.poll(() => values.allTextContents()).toEqual([three('generatorLoss'), three('discriminatorLoss')]);
    await plot.dblclick();
    expect(await shown.locator('option:checked').textContent()).toBe('whole run');
    await page.mouse.move(0, 0);
  });

  it('filters the events', async () => {
    const events = page.getByRole('list', { name: 'Events, newest first' }).getByRole('listitem');
    await page.getByLabel('Kind of event').selectOption('workers');
    // How long it took to come is not the subject.
    const shown = async () => (await events.allTextContents()).filter((text) => !text.includes('waiting: '));
    await expect.poll(shown).toEqual([expect.stringContaining('first joined')]);
    await page.getByLabel('Filter events').fill('nobody');
    await page.getByText('Nothing of that kind.').waitFor();
    await page.getByLabel('Filter events').fill('');
    await page.getByLabel('Kind of event').selectOption('all');
  });

  it('writes a checkpoint while the run is paused, and lets it go on', async () => {
    const checkpoints = () =>
      readJsonLines<RecordedEvent>(path, 'events.jsonl').filter(({ type }) => type === 'checkpoint').length;
    const before = checkpoints();
    expect(await steer('Checkpoint now')).toBe('The checkpoint is written.');
    expect(checkpoints()).toBe(before + 1);
    // By keyboard alone, there and back.
    const focused = (name: string) => page.locator('button:focus', { hasText: name }).waitFor();
    await page.getByRole('button', { name: 'Checkpoint now' }).press('Enter');
    await focused('Cancel');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await focused('Close');
    await page.keyboard.press('Enter');
    await focused('Checkpoint now');
    expect(checkpoints()).toBe(before + 2);
    const steps = lineCount(path, 'metrics.jsonl');
    expect(await steer('Resume')).toBe('The run goes on.');
    await state('training');
    await whenFiles(() => lineCount(path, 'metrics.jsonl') > steps);
  });

  it('shows a killed worker as left, and its shard requeued', async () => {
    const mark = page.locator('.lanes rect.requeued').first().waitFor({ state: 'attached' });
    /** Of the first worker that held a shard when it died; between two steps, one holds none. */
    let requeued: RecordedEvent | undefined;
    for (let i = 1; i <= 5 && !requeued; i++) {
      const name = `victim-${i}`;
      const victim = worker(name);
      await row(name).locator('.state.computing').waitFor();
      victim.process.kill('SIGKILL');
      await row(name).locator('.state.left').waitFor({ timeout: 2000 });
      const events = readJsonLines<RecordedEvent>(path, 'events.jsonl');
      requeued = events.find((event) => event.type === 'requeued' && event['worker'] === name);
    }
    await page
      .getByRole('listitem')
      .filter({
        hasText: `shard ${String(requeued?.['shard'])} goes from ${String(requeued?.['worker'])} to another worker`,
      })
      .first()
      .waitFor();
    await mark;
  });

  it('drops a worker, says what is missing, and goes on with another', async () => {
    await steer('Drop first');
    await row('first').locator('.state.left').waitFor();
    const problem = page.getByRole('alert').filter({ hasText: /no worker is left/ });
    await problem.getByText(`worker.tgz ${new URL(link).origin.replace('http', 'ws')}`).waitFor();
    expect(await figure('images/s now').textContent()).toBe('–');
    worker('third');
    await row('third').locator('.state.computing').waitFor();
  });

  it('keeps the history over a reload and a restart of the coordinator', async () => {
    await page.reload();
    await row('third').waitFor();
    const { port } = new URL(link);
    coordinator.process.kill('SIGKILL');
    await coordinator.finished;
    await page.getByRole('alert').getByText('The coordinator is unreachable, trying again').waitFor();
    // What was known stays.
    await row('third').waitFor();
    coordinator = new Gantry(['coordinator', '--listen', `127.0.0.1:${port}`, '--run', path, '--resume']);
    const steps = lineCount(path, 'metrics.jsonl');
    await whenFiles(() => lineCount(path, 'metrics.jsonl') > steps);
    await page.getByRole('listitem').filter({ hasText: 'the run was resumed' }).waitFor();
    await steer('Pause');
    await state('paused');
    await expectTrueValues();
    await page.getByRole('listitem').filter({ hasText: 'first joined' }).waitFor();
  });

  it.each([
    [1440, 'light'],
    [1440, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)('is accessible, and fits, at %i px in %s', async (width, theme) => {
    await page.setViewportSize({ width, height: 900 });
    const other = page.getByRole('button', { name: theme === 'dark' ? 'Dark theme' : 'Light theme' });
    if (await other.isVisible()) await other.click();
    await expectUsable(page, width);
  });

  it('complains of nothing and asks nobody but the coordinator', () => {
    expect(heard.complaints).toEqual([]);
    expect([...heard.hosts]).toEqual([new URL(link).host]);
  });

  it('refuses a wrong token and takes the right one', async () => {
    const wrong = `${new URL(link).origin}/#token=wrong`;
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(wrong);
    await stranger.getByText('does not accept this token').waitFor();
    await stranger.getByLabel('Token or link').fill(link);
    await stranger.getByRole('button', { name: 'Watch' }).click();
    await stranger.getByRole('heading', { name: 'Workers' }).waitFor();
    // The same in the address bar, which loads nothing anew.
    await stranger.goto(wrong);
    await stranger.getByText('does not accept this token').waitFor();
    await stranger.goto(link);
    await stranger.getByRole('heading', { name: 'Workers' }).waitFor();
    expect(stranger.url()).not.toContain('token');
    await stranger.close();
  });

  it('stops the run', async () => {
    expect(await steer('Stop after this step')).toMatch(/stops after the step under way/);
    expect((await coordinator.finished).code).toBe(0);
  });
});

describe.skipIf(!hasChromium)(`the dashboard of local steps${note}`, () => {
  const STEPS_PER_EPOCH = 256;
  const LOCAL_STEPS = 200;
  const path = join(temporaryDirectory(), 'run');
  let coordinator: Gantry;
  let browser: Browser;
  let page: Page;
  let link: string;

  beforeAll(async () => {
    const sizes = ['--batch', '4', '--shard-size', '2', '--limit', '1024', '--epochs', '100000', '--seed', '7'];
    const rounds = ['--local-steps', `${LOCAL_STEPS}`, '--wire', 'int8'];
    const options = [...TINY, ...sizes, ...rounds, '--run', path];
    coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...options]);
    const [, dashboard = ''] = await coordinator.output(/dashboard: (.*)/);
    link = withToken(dashboard);
    startWorker(link, 'ada');
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(link);
    await stateOf(page, 'training');
  });

  afterAll(async () => {
    await browser.close();
  });

  const count = (n: number) => n.toLocaleString('en');
  const lastStep = () => readJsonLines<MetricsLine>(path, 'metrics.jsonl').at(-1)?.step ?? 0;

  it('moves within a round', async () => {
    await figureOf(page, 'under way')
      .getByText(/^[1-9]\d* \/ (200|56) steps$/)
      .waitFor();
  });

  it('shows rounds where others have steps', async () => {
    await whenFiles(() => lineCount(path, 'metrics.jsonl') > 2 * STEPS_PER_EPOCH);
    await steered(page, 'Pause');
    await stateOf(page, 'paused');
    const last = lastStep();
    await figureOf(page, 'step')
      .getByText(new RegExp(`^${count(last)} / `))
      .waitFor();
    expect(await figureOf(page, 'under way').textContent()).toMatch(/^– \/ (200|56) steps$/);
    // A round ends with its epoch.
    const first = last % STEPS_PER_EPOCH === 0 ? last - 55 : last - LOCAL_STEPS + 1;
    const range = `${count(first)}–${count(last)}`;
    const timeline = page.getByRole('region', { name: 'Last rounds', exact: true });
    await expect.poll(() => timeline.locator('.axis > span').last().textContent()).toBe(range);
    expect(await timeline.locator('rect title').last().textContent()).toMatch(`steps ${range}, shard`);
    await page.getByRole('button', { name: 'Stop after this round' }).waitFor();
    await page.getByRole('columnheader', { name: 'computing' }).getByTitle('per round, over the last rounds').waitFor();
    await page.getByText('200 local steps, int8 on the wire').waitFor();
  });

  it('tells what an image costs on the wire, and how a link is used', async () => {
    const size = '\\d+(\\.\\d)? k?B';
    await page
      .getByText(new RegExp(`^on the wire per image: ${size} from workers, ${size} to them, ${size} of images$`))
      .waitFor();
    const cells = page.getByRole('row', { name: /^ada\b/ }).getByTitle(/ since it joined/);
    await expect
      .poll(() => cells.allTextContents())
      .toEqual([expect.stringMatching(/^\d/), expect.stringMatching(/^\d/)]);
  });

  it('shows the newest advice, without alarm', async () => {
    const step = lastStep();
    const advice: RecordedEvent = { time: new Date().toISOString(), step, type: 'advice', cause: 'take more steps' };
    // A coordinator gives some where links are slow, or workers idle: here it is added to what it says.
    await page.routeWebSocket(/\/watch$/, (socket) => {
      socket.connectToServer().onMessage((text) => {
        const message = JSON.parse(String(text)) as WatchMessage;
        const events = message.type === 'snapshot' ? [...message.events, advice] : message.events;
        socket.send(JSON.stringify({ ...message, events }));
      });
    });
    await page.reload();
    await page.getByRole('listitem').filter({ hasText: 'take more steps' }).waitFor();
    const notice = page.getByRole('status').getByText(`Advice at step ${count(step)}: take more steps.`);
    await notice.waitFor();
    expect(await notice.getAttribute('class')).toBe('notice calm');
  });

  it.each(['light', 'dark'] as const)('is accessible, and fits, in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    for (const width of [1440, 400]) {
      await page.setViewportSize({ width, height: 900 });
      await expectUsable(page, width);
    }
  });
});
