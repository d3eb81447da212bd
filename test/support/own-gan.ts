import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from './gantry-process.ts';

/** Parts of a model file that a test may replace. */
export interface GanParts {
  readonly imports?: string;
  readonly image?: string;
  readonly noise?: string;
  readonly generator?: string;
  readonly discriminator?: string;
  /** Further fields of the definition. */
  readonly more?: string;
}

/** A GAN for grey images of 8×8, as somebody would write it. */
export function ganSource(parts: GanParts = {}): string {
  const {
    imports = "import { defineGan, layers, tf } from 'gantry';",
    image = '[8, 8, 1]',
    noise = '8',
    generator = `[
    layers.dense({ units: 4 * 4 * 2, useBias: false }),
    layers.batchNormalization(),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.reshape({ targetShape: [4, 4, 2] }),
    layers.conv2dTranspose({ filters: 1, kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh' }),
  ]`,
    discriminator = `[
    layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' }),
    layers.leakyReLU({ alpha: 0.2 }),
    layers.dropout({ rate: 0.3 }),
    layers.flatten(),
    layers.dense({ units: 1 }),
  ]`,
    more = '',
  } = parts;
  return `${imports}

export default defineGan({
  image: ${image},
  noise: ${noise},
  generator: () => ${generator},
  discriminator: () => ${discriminator},
  ${more}
});
`;
}

/** Writes files into a new folder, in which nothing is installed. @returns the folder */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
