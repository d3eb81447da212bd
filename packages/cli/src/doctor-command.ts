import { availableParallelism, cpus } from 'node:os';
import { Command } from 'commander';
import { compileTraining, loadDataSet } from '@gantry/coordinator';
import { IMAGE_PIXELS } from '@gantry/core';
import { EngineThread, probeNumericClass } from '@gantry/worker';

const SHARD_SIZE = 64;
const MEASURED_SHARDS = 5;

/** One line of the report: something that is usable, or why it is not and what to do. */
interface Finding {
  readonly what: string;
  readonly usable: boolean;
  readonly detail: string;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('what engines and devices this machine has, and why others are missing')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = [
        machine(),
        await examine('data set', async () => {
          const { images, source } = await loadDataSet({});
          return `${images.count} images from ${source}`;
        }),
        await examine('onnx engine on cpu', measureOnnx),
      ];
      if (json) process.stdout.write(`${JSON.stringify(findings)}\n`);
      else {
        for (const { what, usable, detail } of findings) {
          process.stdout.write(`${usable ? 'ok     ' : 'missing'} ${what}: ${detail}\n`);
        }
      }
      if (findings.some(({ usable }) => !usable)) process.exitCode = 1;
    });
}

function machine(): Finding {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return {
    what: 'machine',
    usable: true,
    detail: `${availableParallelism()} cores (${model}), ${process.platform} ${process.arch}, Node ${process.versions.node}`,
  };
}

async function examine(what: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { what, usable: true, detail: await look() };
  } catch (error) {
    return { what, usable: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Runs the real training step: the engine works, and this is how fast. */
async function measureOnnx(): Promise<string> {
  const program = compileTraining({ images: SHARD_SIZE, epochs: 1, batch: SHARD_SIZE, shardSize: SHARD_SIZE }, 0);
  const engine = new EngineThread('onnx');
  try {
    await engine.load(program);
    const numericClass = await probeNumericClass(engine, program);
    const begin = performance.now();
    for (let step = 0; step < MEASURED_SHARDS; step++) {
      await engine.gradients({ step, index: 0, first: 0, images: new Uint8Array(SHARD_SIZE * IMAGE_PIXELS) });
    }
    const imagesPerSecond = (MEASURED_SHARDS * SHARD_SIZE * 1000) / (performance.now() - begin);
    return `${imagesPerSecond.toFixed(0)} images/s on one thread, numeric class ${numericClass}`;
  } finally {
    await engine.dispose();
  }
}
