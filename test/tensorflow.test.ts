import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileTraining, type MetricsLine, type RunJson, type WorkLine } from '@gantry/coordinator';
import { withToken } from '@gantry/cli/bench';
import type { RecordedEvent } from '@gantry/core';
import { dcgan } from '@gantry/models';
import { createEngine, prepareDevice } from '@gantry/worker';
import { describe, expect, it } from 'vitest';
import { chromiumExists, launchChromium } from './support/chromium.ts';
import { Gantry, digestOf, gantry, readJsonLines, temporaryDirectory } from './support/gantry.ts';
import { agreesInTheFirstStep, followsForFiveSteps } from './support/keras-agreement.ts';
import { FIXTURE_SAMPLES } from './support/keras-fixture.ts';
import { isProvided } from './support/requirements.ts';
import { expectNoTensorLeft } from './support/tensor-leaks.ts';

const SIZES = ['--limit', '64', '--batch', '16', '--shard-size', '4', '--epochs', '1', '--seed', '3'];
const isInstalled = await prepareDevice('tensorflow', 'cpu').then(
  () => true,
  () => false,
);
const hasTensorflow = isProvided('tensorflow', () => isInstalled);
const hasChromium = isProvided('chromium', chromiumExists);
const title = `tensorflow${hasTensorflow ? '' : ' (skipped: npm run setup:tensorflow installs it)'}`;

/** A run that waits for workers; its link lets tabs join. */
async function start() {
  const run = join(temporaryDirectory(), 'run');
  const coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...SIZES, '--exit', '--run', run]);
  const [, printed = ''] = await coordinator.output(/browser's tab: (.*)/);
  const link = withToken(printed);
  const url = new URL(link).origin.replace('http', 'ws');
  const work = (engine: string) => new Gantry(['worker', url, '--engine', engine, '--threads', '1', '--name', engine]);
  return { run, coordinator, link, work };
}

const eventsOf = (run: string, wanted: string) =>
  readJsonLines<RecordedEvent>(run, 'events.jsonl').filter(({ type }) => type === wanted);

it.skipIf(isInstalled)('is refused in one line where it is not installed', async () => {
  const { code, stdout, stderr } = await gantry('worker', 'ws://127.0.0.1:9', '--engine', 'tensorflow');
  expect(stderr).toMatch(
    /^gantry: the tensorflow engine for cpu is not installed: run "npm run setup.*\[E_ENGINE\]\n$/,
  );
  expect([code, stdout]).toEqual([1, '']);
});

it.each([
  ['tensorflow', 'webgpu', /^gantry: the tensorflow engine runs on cpu and cuda, not on webgpu: choose --engine onnx/],
  ['tensorflow', 'cuda', /^gantry: the tensorflow engine for cuda:0 is not installed: .*setup:tensorflow -- gpu"/],
  ['tfjs', 'cuda', /^gantry: the tfjs engine runs on cpu only, not on cuda:0: choose --engine onnx/],
])('%s on %s is refused in one line', async (engine, device, line) => {
  const options = ['--engine', engine, '--device', device];
  const { code, stdout, stderr } = await gantry('worker', 'ws://127.0.0.1:9', ...options);
  expect(stderr).toMatch(line);
  expect(stderr).toMatch(/^[^\n]* \[E_ENGINE\]\n$/);
  expect([code, stdout]).toEqual([1, '']);
});

describe.skipIf(!hasTensorflow)(title, () => {
  const plan = { images: FIXTURE_SAMPLES, epochs: 1, batch: FIXTURE_SAMPLES, shardSize: FIXTURE_SAMPLES };
  const subject = { engine: () => createEngine('tensorflow'), program: compileTraining(dcgan(), plan, 0) };
  agreesInTheFirstStep('tensorflow', subject);
  followsForFiveSteps('tensorflow', subject);

  it('leaves no tensor behind', () => expectNoTensorLeft('tensorflow'));

  it('gives the same bits in two runs', async () => {
    const digests = [];
    for (let i = 0; i < 2; i++) {
      const { run, coordinator, work } = await start();
      work('tensorflow');
      expect((await coordinator.finished).code).toBe(0);
      digests.push(digestOf(run));
    }
    expect(digests[1]).toBe(digests[0]);
  });

  it.skipIf(!hasChromium)('trains together with onnx and a tab, and the record names all three', async () => {
    const { run, coordinator, link, work } = await start();
    const browser = await launchChromium();
    try {
      // The slowest to start comes first.
      await (await browser.newPage()).goto(link);
      await coordinator.output(/tab-\w+ joined/);
      work('tensorflow');
      work('onnx');
      expect((await coordinator.finished).code).toBe(0);
    } finally {
      await browser.close();
    }
    const metrics = readJsonLines<MetricsLine>(run, 'metrics.jsonl');
    expect(metrics).toHaveLength(4);
    const losses = metrics.flatMap((line) => [line['generatorLoss'], line['discriminatorLoss']]);
    expect(losses.every(Number.isFinite)).toBe(true);
    const joined = eventsOf(run, 'joined');
    const places = joined.map(({ engine, device }) => `${String(engine)} on ${String(device)}`);
    // Under load a tab may be given up, and come back.
    expect([...new Set(places)].toSorted()).toEqual(['onnx on cpu', 'onnx on wasm', 'tensorflow on cpu']);
    expect(new Set(joined.map((event) => event['class'])).size).toBe(3);
    expect(eventsOf(run, 'classes-mixed').at(-1)?.['cause']).toMatch(/depend on which worker computes what/);
    const record = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as RunJson;
    expect(record.bitIdentical).toBe(false);
    const computed = new Set(readJsonLines<WorkLine>(run, 'work.jsonl').map((line) => line.class));
    const kinds = joined
      .filter((event) => computed.has(String(event['class'])))
      .map((event) => ({ class: event['class'], engine: event['engine'], device: event['device'] }));
    const text = (each: object) => JSON.stringify(each);
    const recorded = record.numericClasses.map(({ class: name, engine, device }) => ({ class: name, engine, device }));
    expect(recorded.map(text).toSorted()).toEqual([...new Set(kinds.map(text))].toSorted());
  });
});
