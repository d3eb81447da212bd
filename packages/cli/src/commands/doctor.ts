import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { Device, EngineName } from '@gantry/worker';
import { availableCores } from '../available-cores.ts';
import type { StepFigures } from '../bench/step.ts';
import { noteSpeeds, type Speed } from './doctor-record.ts';
import { failureIn } from '../errors.ts';

const GANTRY = fileURLToPath(new URL('../../bin/gantry.js', import.meta.url));
const SHARD_SIZE = 64;
/** A GPU made of software would take minutes. */
const LIMIT_MS = 20_000;
const MAX_OUTPUT_BYTES = 10e6;

/** What can compute; the first one is the default, and the second where the first is missing. */
const PLACES: readonly (readonly [engine: EngineName, device: Device])[] = [
  ['native', 'cpu'],
  ['onnx', 'cpu'],
  ['onnx', 'webgpu'],
  ['onnx', 'cuda:0'],
  ['tensorflow', 'cpu'],
  ['tensorflow', 'cuda:0'],
];

/** One line of the report: something that is usable, or why it is not and what to do. */
interface Finding {
  readonly what: string;
  readonly usable: boolean;
  readonly detail: string;
  /** Of a place that computes, on one thread. */
  readonly imagesPerSecond?: number;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('what engines and devices this machine has and how fast they are, and why others are missing')
    .option('--data <dir>', 'images, as train takes them (default: MNIST)')
    .option('--json', 'print the findings as JSON')
    .action(async ({ data, json }: { data?: string; json?: boolean }) => {
      const findings: Finding[] = [];
      const add = (finding: Finding): Finding => {
        findings.push(finding);
        // Measuring takes a while: each is shown as it comes.
        if (!json) process.stdout.write(lineOf(finding));
        return finding;
      };
      const required = [add(machine()), add(await examine('data set', () => lookAtData(data)))];
      const computing: Finding[] = [];
      const speeds: Speed[] = [];
      for (const [engine, device] of PLACES) {
        const finding = add(await examine(`${engine} on ${device}`, () => measure(engine, device)));
        const { imagesPerSecond } = finding;
        if (imagesPerSecond !== undefined) speeds.push({ engine, device, imagesPerSecond });
        computing.push(finding);
      }
      await noteSpeeds(speeds);
      if (json) process.stdout.write(`${JSON.stringify(findings)}\n`);
      // Other devices may be missing: that is what most machines are like.
      const computes = computing.slice(0, 2).some(({ usable }) => usable);
      process.exitCode = computes && required.every(({ usable }) => usable) ? 0 : 1;
    });
}

function lineOf({ what, usable, detail }: Finding): string {
  return `${usable ? 'ok     ' : 'missing'} ${what}: ${detail}\n`;
}

async function lookAtData(directory: string | undefined): Promise<Pick<Finding, 'detail'>> {
  const { loadDataSet } = await import('@gantry/coordinator');
  const { images, source } = await loadDataSet({ directory });
  return { detail: `${images.count} images from ${source}` };
}

function machine(): Finding {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const [cores, all] = [availableCores(), cpus().length];
  const count =
    cores < all ? `${cores} of ${all} cores, as a quota or affinity has it,` : `${cores} core${cores === 1 ? '' : 's'}`;
  return {
    what: 'machine',
    usable: true,
    detail: `${count} (${model}), ${process.platform} ${process.arch}, Node ${process.versions.node}`,
  };
}

async function examine(
  what: string,
  look: () => Promise<Pick<Finding, 'detail' | 'imagesPerSecond'>>,
): Promise<Finding> {
  try {
    return { what, usable: true, ...(await look()) };
  } catch (error) {
    return { what, usable: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Trains the tutorial's model for two seconds, whatever images were given, in a process of its own: what a driver does there cannot
 * harm this one.
 */
async function measure(engine: EngineName, device: Device): Promise<Pick<Finding, 'detail' | 'imagesPerSecond'>> {
  const options = { engine, device, 'shard-size': SHARD_SIZE, rounds: 1 };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const { stdout, stderr, timedOut } = await new Promise<{ stdout: string; stderr: string; timedOut: boolean }>(
    (resolve) => {
      execFile(
        process.execPath,
        [GANTRY, 'bench', 'step', ...args, '--json'],
        { timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES },
        (error, out, err) => resolve({ stdout: out, stderr: err, timedOut: error?.killed === true }),
      );
    },
  );
  if (timedOut)
    return { detail: `it is there, and needs more than ${LIMIT_MS / 1000} s for a few steps: too slow to be of use` };
  if (stdout === '') throw new Error(failureIn(stderr));
  const [figures] = (JSON.parse(stdout) as { results: [StepFigures] }).results;
  const imagesPerSecond = figures.gradientImagesPerSecond.median;
  return {
    detail: `${imagesPerSecond.toFixed(0)} images/s on one thread, numeric class ${figures.numericClass}`,
    imagesPerSecond,
  };
}
