import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Gantry, digestOf, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { CPU_ENGINES } from './support/c-compiler.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { isRequired } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

const RUN = [...TINY, '--epochs', '1', '--limit', '64', '--batch', '16', '--shard-size', '8', '--seed', '7'];
/** They come from the registry. */
const isAsked = isRequired('install');
const title = `Node %s${isAsked ? '' : ' (skipped: GANTRY_REQUIRE does not list install)'}`;

describe.skipIf(!isAsked).each(['20.19.0', '22', '24'])(title, (version) => {
  describe.each(CPU_ENGINES)('with the %s engine', (engine) => {
    let expected: string;
    beforeAll(async () => {
      expected = await trainedDigest(...RUN, '--workers', '1', '--engine', engine);
    });

    it('trains a GAN of one’s own to the same bits', async () => {
      const file = join(folderWith({ 'my-gan.ts': ganSource() }), 'my-gan.ts');
      const run = join(temporaryDirectory(), 'run');
      const cli = GANTRY.slice(1).map((path) => resolve(path));
      const command = ['npx', '--yes', '--package', `node@${version}`, '--', 'node', ...cli];
      const options = [...RUN, '--model', file, '--engine', engine];
      const { code, stderr } = await new Gantry(['train', ...options, '--run', run, '--exit'], {}, command).finished;
      expect(code, stderr).toBe(0);
      expect(digestOf(run)).toBe(await trainedDigest(...options));
    });

    it('trains to the same bits as the Node of these tests', async () => {
      const run = join(temporaryDirectory(), 'run');
      const cli = GANTRY.slice(1).map((path) => resolve(path));
      const command = ['npx', '--yes', '--package', `node@${version}`, '--', 'node', ...cli];
      const options = ['train', ...RUN, '--workers', '2', '--engine', engine, '--run', run, '--exit'];
      const { code, stderr } = await new Gantry(options, {}, command).finished;
      expect(code, stderr).toBe(0);
      expect(digestOf(run)).toBe(expected);
    });
  });
});
