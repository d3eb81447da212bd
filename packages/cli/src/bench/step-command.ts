import { Command, Option } from 'commander';
import { CONVOLUTION_FORMS, type ConvolutionForm } from '@gantry/compiler/convolution-forms';
import { ENGINE_NAMES, parseDevice, prepareDevice, type Device, type EngineName } from '@gantry/worker';
import { wholeNumber, wholeNumbers } from '../options/options.ts';
import { Report, progress } from './report.ts';
import { spreadText } from './statistics.ts';

const SHARD_SIZES = [32, 64, 128, 256];
/** The tfjs engine takes minutes for more. */
const REFERENCE_SHARD_SIZES = [2];
const METHOD =
  'Training with one shard per step, on one thread, with images of MNIST unless others are given; shard sizes in turn, four steps at a time. ' +
  'A gradient step is noise, dropout masks and the gradients of both networks; the optimizer is adding the leaf, ' +
  'both Adam steps and setting the weights. Medians (ranges) over the steps.';

interface StepFlags {
  readonly engine?: EngineName;
  readonly device: Device;
  readonly shardSize?: number[];
  readonly rounds: number;
  readonly convolutions?: ConvolutionForm;
  readonly model: string;
  readonly data?: string;
  readonly json?: boolean;
}

export function stepCommand(): Command {
  return new Command('step')
    .description('training steps of one thread, by shard size: a minute or so')
    .addOption(new Option('--engine <name>', 'what computes; tfjs is the slow reference').choices(ENGINE_NAMES))
    .option('--device <name>', 'where it computes: cpu, webgpu, cuda or cuda:INDEX', parseDevice, 'cpu')
    .option(
      '--shard-size <images>',
      `images per shard, with commas between (default: ${SHARD_SIZES.join()}; with tfjs ${REFERENCE_SHARD_SIZES.join()})`,
      wholeNumbers(2, 4096),
    )
    .option('--rounds <n>', 'rounds over the shard sizes, four steps of each', wholeNumber(1, 10_000), 7)
    .addOption(
      new Option(
        '--convolutions <form>',
        'how convolutions are computed (default: as a run computes them on the device)',
      ).choices(CONVOLUTION_FORMS),
    )
    .option('--model <name>', 'what is trained: a name or a file, as train takes it', 'dcgan')
    .option('--data <dir>', 'images of its size, as train takes them (default: MNIST)')
    .option('--json', 'print one JSON object on standard output, raw samples included')
    .action(run);
}

async function run({
  engine: asked,
  device,
  shardSize,
  rounds,
  convolutions,
  model,
  data,
  json,
}: StepFlags): Promise<void> {
  const engine = await prepareDevice(asked, device);
  const report = new Report('step', METHOD);
  const shardSizes = shardSize ?? (engine === 'tfjs' ? REFERENCE_SHARD_SIZES : SHARD_SIZES);
  // Brings tfjs along, which other benchmarks and a refusal can do without.
  const { measureSteps } = await import('./step.ts');
  const results = await measureSteps({ engine, device, shardSizes, rounds, convolutions, model, data }, (round) => {
    progress(`round ${round}/${rounds}`);
  });
  const rows = results.map((each) => [
    `${each.engine}, ${each.device}`,
    each.convolutions,
    `${each.shardSize}`,
    spreadText(each.gradientMs),
    spreadText(each.gradientImagesPerSecond),
    spreadText(each.addMs),
    spreadText(each.adamMs),
    spreadText(each.weightsMs),
    spreadText(each.imagesPerSecond),
  ]);
  const head =
    'engine|convolutions|shard size|ms a gradient step|images/s|ms to add a leaf|ms Adam|ms to set weights|images/s, optimizer included';
  report.print(json, { rounds, results }, [{ head: head.split('|'), rows }]);
}
