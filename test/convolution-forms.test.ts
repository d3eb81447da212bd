import { join } from 'node:path';
import type { ConvolutionForm } from '@gantry/compiler';
import { compileTraining, type RunJson } from '@gantry/coordinator';
import { disposeModel } from '@gantry/core/tfjs';
import { dcgan } from '@gantry/models';
import { EngineThread, newIdentity, probeOf } from '@gantry/worker';
import { expect, it } from 'vitest';
import { parseEndpoint } from '../packages/worker/src/session/endpoint.ts';
import { NodeConnection } from '../packages/worker/src/session/node-connection.ts';
import { work } from '../packages/worker/src/session/work-loop.ts';
import { Gantry, gantry, gantryOk, readJson, readToken, temporaryDirectory } from './support/gantry.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const SIZES = [...TINY, '--limit', '64', '--batch', '16', '--shard-size', '8', '--seed', '3'];
const SHARD = 4;
/** Of the tutorial's model, whose bits differ between the forms. */
const DCGAN = [
  '--limit',
  `${2 * SHARD}`,
  '--batch',
  `${2 * SHARD}`,
  '--shard-size',
  `${SHARD}`,
  '--evaluate-every',
  '0',
];
const OPTIONS = ['--listen', '127.0.0.1:0', '--exit'];

/** A run with workers that compute on a CPU and call it a GPU: whether it is one of hardware is told. @returns its run.json */
async function run(path: string, hardware: readonly boolean[], ...options: string[]): Promise<RunJson> {
  const coordinator = new Gantry(['coordinator', ...OPTIONS, '--run', path, ...options]);
  const [, url = ''] = await coordinator.output(/(ws:\/\/[\d.:]+)/);
  const token = readToken(path);
  const ignored = () => undefined;
  const observer = { connected: ignored, waiting: ignored, notice: ignored, shardDone: ignored };
  const leaving = new AbortController();
  const workers = hardware.map((isHardwareGpu, i) =>
    work(
      {
        engine: 'onnx',
        device: 'webgpu',
        isHardwareGpu,
        threads: 1,
        name: `w${i}`,
        identity: newIdentity(),
        signal: leaving.signal,
        observer,
      },
      {
        version: '0.1.0',
        connect: (events) => new NodeConnection(parseEndpoint(url), token, undefined, events),
        startEngine: () => new EngineThread('onnx', 'cpu'),
      },
    ),
  );
  expect(await coordinator.finished).toMatchObject({ code: 0 });
  leaving.abort();
  await Promise.all(workers);
  return readJson<RunJson>(path, 'run.json');
}

/** What a worker of such a run says of its class, with one form. */
async function probeBy(form: ConvolutionForm): Promise<string> {
  const model = dcgan();
  const program = compileTraining(model, { images: SHARD, epochs: 1, batch: SHARD, shardSize: SHARD }, 0, form);
  disposeModel(model);
  const thread = new EngineThread('onnx', 'cpu');
  await thread.load(program);
  const probe = await probeOf(thread, program);
  await thread.dispose();
  return probe;
}

it('is measured once by the first GPU, and kept for others and on --resume', async () => {
  const path = join(temporaryDirectory(), 'run');
  const { convolutions } = await run(path, [true, true], ...DCGAN, '--epochs', '1');
  const form = convolutions?.['webgpu'] as keyof typeof probes;
  const resumed = await run(path, [true], '--resume', '--epochs', '2');
  expect(resumed.convolutions).toEqual({ webgpu: form });
  const probes = { direct: await probeBy('direct'), fastest: await probeBy('fastest') };
  expect(probes.direct).not.toBe(probes.fastest);
  expect(resumed.numericClasses).toEqual([
    { class: 'onnx-webgpu', engine: 'onnx', device: 'webgpu', probe: probes[form] },
  ]);
});

it('is direct on a GPU made of software', async () => {
  const { convolutions } = await run(join(temporaryDirectory(), 'run'), [false], ...SIZES, '--epochs', '1');
  expect(convolutions).toEqual({ webgpu: 'direct' });
});

it('is what --convolutions says, which --resume cannot change', async () => {
  const path = join(temporaryDirectory(), 'run');
  const given = [...SIZES, '--epochs', '1', '--convolutions', 'patches'];
  const { config, convolutions } = await run(path, [true], ...given);
  expect(config.convolutions).toBe('patches');
  expect(convolutions).toBeUndefined();
  const { code, stderr } = await gantry('train', '--run', path, '--resume', '--convolutions', 'direct', ...TINY_DATA);
  expect(stderr).toMatch(
    /^gantry: cannot resume with another --convolutions direct \(the run has patches\): [^\n]*\n$/,
  );
  expect(code).toBe(1);
  await gantryOk('train', '--run', path, '--resume', '--epochs', '2', '--workers', '1', ...TINY_DATA);
});
