import { fileURLToPath } from 'node:url';
import { spread, spreadText } from '@gantry/cli/bench';
import { outputOf } from '../child.ts';
import type { Effort, Finding } from '../part.ts';
import { benchStep } from './native-engine.ts';

const PEER = fileURLToPath(new URL('../../peers/pytorch_dcgan.py', import.meta.url));
const PYTHON = process.env['PYTHON'] ?? 'python3';
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  float32: [],
  'float32, channels_last': ['--channels-last', 'both'],
  'float32, CUDA graph': ['--graph'],
  'TF32, CUDA graph': ['--graph', '--tf32'],
  'TF32, channels_last, CUDA graph': ['--graph', '--tf32', '--channels-last', 'both'],
  'TF32, torch.compile': ['--compile', '--tf32'],
};
interface Rate {
  readonly batch: number;
  readonly imagesPerSecond: number;
}

/** Images per second by batch size. */
async function pytorch(device: string, options: readonly string[], batches: readonly number[]): Promise<Rate[]> {
  const usual = ['--device', device, '--threads', '2', '--batch', ...batches.map(String)];
  const steps = device === 'cpu' ? ['--steps', '1', '--warm-up', '1'] : ['--steps', '50', '--warm-up', '10'];
  const output = await outputOf(PYTHON, [PEER, ...usual, ...steps, ...options]);
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Rate);
}

/** Images per second of a contender, round by round. */
type Rates = Map<string, number[]>;

/** The same step in PyTorch and here, in turn, optimizers included. */
export async function* peers({ forms, peerBatches, peerRounds }: Effort): AsyncGenerator<Finding> {
  const script = 'import torch; print(torch.__version__, "cuda" if torch.cuda.is_available() else "cpu")';
  const found = await outputOf(PYTHON, ['-c', script]).catch(() => undefined);
  if (found === undefined) {
    yield { what: 'PyTorch', result: `none: ${PYTHON} finds no torch` };
    return;
  }
  const [version = '', device = ''] = found.trim().split(' ');
  yield { what: 'PyTorch', result: `${version} on ${device}`, figures: { version, device } };
  const ours = new Map(peerBatches.map((batch): [number, Rates] => [batch, new Map()]));
  const theirs = new Map(peerBatches.map((batch): [number, Rates] => [batch, new Map()]));
  const variants = new Map(Object.entries(device === 'cpu' ? { float32: [] } : VARIANTS));
  for (let round = 1; round <= peerRounds; round++) {
    for (const form of forms) {
      const name = `Gantry, ${form}`;
      try {
        const options = ['--device', 'webgpu', '--convolutions', form];
        for (const { shardSize, imagesPerSecond } of await benchStep(peerBatches, 1, ...options)) {
          note(ours.get(shardSize), name, imagesPerSecond.median);
        }
      } catch (error) {
        yield { what: name, result: `failed: ${(error as Error).message}` };
      }
    }
    // After each contender, as the next one may not come to its end.
    for (const batch of peerBatches) yield* standings(batch, ours.get(batch), theirs.get(batch));
    for (const [name, options] of variants) {
      try {
        for (const { batch, imagesPerSecond } of await pytorch(device, options, peerBatches)) {
          note(theirs.get(batch), `PyTorch, ${name}`, imagesPerSecond);
        }
      } catch (error) {
        variants.delete(name);
        yield { what: `PyTorch, ${name}`, result: `failed: ${(error as Error).message}` };
      }
      for (const batch of peerBatches) yield* standings(batch, ours.get(batch), theirs.get(batch));
    }
  }
}

function note(rates: Rates | undefined, name: string, rate: number): void {
  rates?.set(name, [...(rates.get(name) ?? []), rate]);
}

/** Theirs beside the fastest of ours, round by round. */
function* standings(batch: number, ours: Rates = new Map(), theirs: Rates = new Map()): Generator<Finding> {
  const own = [...ours].map(([name, rates]) => ({ name, rates: spread(rates) }));
  const fastest = own.toSorted((a, b) => b.rates.median - a.rates.median)[0]?.rates.samples ?? [];
  const others = [...theirs].map(([name, rates]) => {
    return { name, rates: spread(rates), ratio: spread(rates.map((rate, i) => (fastest[i] ?? NaN) / rate)) };
  });
  for (const { name, rates, ratio } of [...own.map((each) => ({ ...each, ratio: undefined })), ...others]) {
    const beside = ratio ? `; Gantry's fastest / it: ${spreadText(ratio)}` : '';
    const result = `${spreadText(rates)} images/s${beside}`;
    yield { what: `${name}, ${batch} a step`, result, figures: { name, batch, rates, ratio } };
  }
}
