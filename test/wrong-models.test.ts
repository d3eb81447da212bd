import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gantry } from './support/gantry.ts';
import { folderWith, ganSource, type GanParts } from './support/own-gan.ts';
import { TINY_DATA } from './support/tiny.ts';

/** What is wrong, the file, and what is said of it. */
type Case = readonly [name: string, source: string, message: RegExp];

const gan = (parts: GanParts) => ganSource(parts);
const imports = (text: string) => `import { defineGan, layers, tf } from 'gantry';\n${text}`;
const toImages = 'layers.reshape({ targetShape: [8, 8, 1] })';
const phase = (gradients: string, more = '') =>
  `phases: { name: 'own', updates: ['generator'], reports: [], ${more} gradients: ${gradients} },`;

const CASES: readonly Case[] = [
  ['an empty file', '', /it has no default export: expected export default defineGan/],
  [
    'another default export',
    'export default { image: [8, 8, 1] };',
    /it exports object as default: expected export default defineGan/,
  ],
  ['a syntax error', 'const a = ;\nexport default a;', /my-gan\.ts, line 1: Expression expected/],
  [
    'TypeScript that is no JavaScript with types',
    'const a = 1;\nenum B { C }',
    /my-gan\.ts, line 2: TypeScript enum is not supported/,
  ],
  [
    'a name that is not there',
    'const a = 1;\ndefineGan({});',
    /line 2: it throws ReferenceError: defineGan is not defined/,
  ],
  [
    'an error of its own',
    "function f() {\n  throw new Error('out of\\nluck');\n}\nf();",
    /line 2: it throws Error: out of \[/,
  ],
  [
    'a package that is not there',
    "import 'left-pad-of-mine';",
    /it imports 'left-pad-of-mine', which is not there: install it beside/,
  ],
  ['a file that is not there', "import './parts.ts';", /it imports '.*parts\.ts', which is not there/],
  [
    'an import that Gantry does not export',
    "import { dense } from 'gantry';",
    /line 1: The requested module 'gantry' does not provide an export named 'dense'/,
  ],
  [
    'a field that there is not',
    gan({ more: 'lerning: 1,' }),
    /defineGan: it takes no 'lerning': there are name, image, noise,/,
  ],
  ['a wrong image', gan({ image: '[8, 8, 4]' }), /defineGan: image is \[8,8,4\], and has to be \[height, width, 1\]/],
  ['no noise', gan({ noise: 'undefined' }), /defineGan: noise is missing, and has to be how many numbers/],
  [
    'layers that are made once',
    gan({}).replaceAll('() => [', '['),
    /defineGan: generator is \[.*, and has to be a function that makes its layers/,
  ],
  ['no layers', gan({ generator: '[]' }), /generator has to give a list of layers, and gives an empty one/],
  [
    'a layer that tfjs does not have',
    gan({ generator: '[layers.dence({ units: 1 })]' }),
    /my-gan\.ts, line 6: it throws TypeError: layers\.dence is not a function/,
  ],
  [
    'a layer without what it needs',
    gan({ discriminator: '[layers.conv2d({ filters: 1 })]' }),
    /my-gan\.ts, line \d+: it throws \w*Error: .*kernel/i,
  ],
  [
    'something else as a layer',
    gan({ generator: "['dense']" }),
    /generator: number 1 of its list is no layer: expected what layers/,
  ],
  [
    'one layer twice',
    gan({
      imports: imports('const relu = layers.reLU();'),
      discriminator: '[layers.flatten(), relu, relu, layers.dense({ units: 1 })]',
    }),
    /layer discriminator\/reLU1 \(ReLU\): it is in use already/,
  ],
  [
    'pictures of another size',
    gan({ image: '[16, 16, 1]' }),
    /layer generator\/conv2DTranspose1 \(Conv2DTranspose\): generator ends with 8×8×1 where 16×16×1, an image, was expected/,
  ],
  [
    'a discriminator that judges places',
    gan({ discriminator: '[layers.conv2d({ filters: 1, kernelSize: 3 })]' }),
    /layer discriminator\/conv2D1 \(Conv2D\): discriminator ends with 6×6×1 where 1, one logit for each image, was expected/,
  ],
  [
    'a layer that cannot take what comes',
    gan({ generator: "[layers.conv2d({ name: 'first', filters: 1, kernelSize: 3 })]" }),
    /layer generator\/first \(Conv2D\): it cannot take 8: /,
  ],
  [
    'a reshape of as many numbers as there are not',
    gan({ generator: `[layers.dense({ units: 63 }), ${toImages}]` }),
    /layer generator\/reshape1 \(Reshape\): it cannot make 8×8×1 of 63/,
  ],
  [
    'a kernel larger than the map',
    gan({
      discriminator: '[layers.conv2d({ filters: 1, kernelSize: 9 }), layers.flatten(), layers.dense({ units: 1 })]',
    }),
    /layer discriminator\/conv2D1 \(Conv2D\): nothing is left of its input, it gives 0×0×1/,
  ],
  [
    'another inputShape',
    gan({ generator: `[layers.dense({ units: 64, inputShape: [100] }), ${toImages}]` }),
    /layer generator\/dense1 \(Dense\): its inputShape is 100, and it gets 8: leave inputShape out/,
  ],
  [
    'batch normalization that couples samples',
    gan({
      discriminator:
        '[layers.flatten(), layers.dense({ units: 4 }), layers.batchNormalization(), layers.dense({ units: 1 })]',
    }),
    /layer discriminator\/batchNormalization1 \(BatchNormalization\): discriminator must not couple samples/,
  ],
  [
    'a layer that cannot be trained',
    gan({ discriminator: '[layers.gaussianNoise({ stddev: 1 }), layers.flatten(), layers.dense({ units: 1 })]' }),
    /layer discriminator\/gaussianNoise1 \(GaussianNoise\): layers of this kind are not supported: use Dropout/,
  ],
  [
    'two layers of one name',
    gan({
      discriminator: "[layers.flatten(), layers.dense({ name: 'a', units: 2 }), layers.dense({ name: 'a', units: 1 })]",
    }),
    /layer discriminator\/a \(Dense\): another layer has the same name/,
  ],
  [
    'nothing to train',
    gan({ image: '[2, 4, 1]', generator: '[layers.reshape({ targetShape: [2, 4, 1] })]' }),
    /generator has no layer with weights/,
  ],
  [
    'a penalty without its draw',
    gan({
      imports: imports("import { gradientPenaltySteps } from 'gantry';"),
      more: 'phases: gradientPenaltySteps(),',
    }),
    /phase critic takes the draw 'mix': define draws: { mix: MIX }/,
  ],
  [
    'an augmentation without its draws',
    gan({
      imports: imports("import { crossEntropy, diffAugment, onePassStep } from 'gantry';"),
      more: 'phases: onePassStep(crossEntropy, { augmentation: diffAugment({ flip: true }) }),',
    }),
    /an augmentation takes the draw 'augmentReal': define draws: augmentation\.draws/,
  ],
  [
    'an augmentation that there is not',
    gan({
      imports: imports("import { crossEntropy, diffAugment, onePassStep } from 'gantry';"),
      more: 'phases: onePassStep(crossEntropy, { augmentation: diffAugment({ color: true }) }),',
    }),
    /diffAugment: it takes no 'color': there are colour, translation, cutout, flip/,
  ],
  [
    'an augmentation by too much',
    gan({
      imports: imports("import { crossEntropy, diffAugment, onePassStep } from 'gantry';"),
      more: 'phases: onePassStep(crossEntropy, { augmentation: diffAugment({ translation: 2 }) }),',
    }),
    /diffAugment: translation is 2, and has to be a share of a side, from 0 to 1/,
  ],
  [
    'phases that are none',
    gan({ more: "phases: 'wgan'," }),
    /defineGan: phases have to be what onePassStep or gradientPenaltySteps give/,
  ],
  [
    'a phase that fails',
    gan({ more: phase('() => undefined.x') }),
    /model 'my-gan': its phases fail: Cannot read properties of undefined/,
  ],
  [
    'a phase without gradients',
    gan({ more: phase('() => ({ gradients: {}, sums: {} })') }),
    /phase own gives no gradient for generator\/dense1\/kernel/,
  ],
  [
    'what the compiler does not know',
    gan({ more: phase('(n, { images }) => ({ gradients: { a: tf.cumsum(images) }, sums: {} })') }),
    /model 'my-gan': it cannot be compiled: the tfjs kernel 'Cumsum' is not supported/,
  ],
  [
    'a network that there is not',
    gan({ more: phase('() => ({})').replace("'generator'", "'encoder'") }),
    /phase own: there is no network 'encoder'/,
  ],
  [
    'a name that ships',
    gan({ more: "name: 'dcgan'," }),
    /a model that ships with Gantry has the name 'dcgan': give defineGan another name/,
  ],
  [
    'a name of no use',
    gan({ more: "name: 'a b'," }),
    /the model's name is "a b": letters, digits, _, - and \. are allowed/,
  ],
];

async function refused(folder: string, file: string, ...options: string[]): Promise<string> {
  const run = join(folder, 'run');
  const given = [
    'train',
    '--model',
    join(folder, file),
    '--run',
    run,
    '--workers',
    '0',
    '--exit',
    '--limit',
    '16',
    ...options,
  ];
  const { code, stderr } = await gantry(...given, '--batch', '16', '--shard-size', '8');
  expect(code, stderr).toBe(1);
  expect(stderr.trimEnd().split('\n'), stderr).toHaveLength(1);
  expect(stderr).toMatch(/^gantry: .* \[E_\w+\]\n$/);
  expect(existsSync(run)).toBe(false);
  return stderr;
}

describe('a model file with', () => {
  it.each(CASES)('%s is refused in one line', async (_, source, message) => {
    const folder = folderWith({ 'my-gan.ts': source });
    expect(await refused(folder, 'my-gan.ts', ...TINY_DATA)).toMatch(message);
    expect(readdirSync(folder)).toEqual(['my-gan.ts']);
  });
});

describe('what is no model file is refused:', () => {
  const folder = folderWith({
    'notes.txt': '',
    'dcgan.ts': ganSource(),
    'inner.js/a': '',
    'broken.js': 'const a = ;\n',
  });
  it.each([
    ['nothing', 'nowhere.ts', /nowhere\.ts: there is no such file; .* init FOLDER writes an example/],
    ['a folder', 'inner.js', /inner\.js: it is a folder/],
    ['a text', 'notes.txt', /notes\.txt: expected a file whose name ends in \.ts, \.js, \.mts or \.mjs/],
    ['JavaScript with an error', 'broken.js', /broken\.js, line 1: Expression expected/],
    [
      'a file that is called like a model that ships',
      'dcgan.ts',
      /the name 'dcgan': rename the file, or give defineGan a name/,
    ],
  ])('%s', async (_, file, message) => {
    expect(await refused(folder, file, ...TINY_DATA)).toMatch(message);
  });

  it('images of another size than those of the model', async () => {
    const own = folderWith({ 'my-gan.ts': ganSource() });
    expect(await refused(own, 'my-gan.ts')).toMatch(/images of 28×28×1 where the model 'my-gan' takes 8×8×1/);
  });
});
