import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RunJson, WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { expect, it } from 'vitest';
import { OTHER_MACHINES, THIS_MACHINE } from './support/compilers.ts';
import { Dashboard } from './support/dashboard.ts';
import {
  Gantry,
  digestOf,
  lineCount,
  readJson,
  readJsonLines,
  readToken,
  temporaryDirectory,
  trainedDigest,
  whenFiles,
} from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { TINY } from './support/tiny.ts';

const RUN = [...TINY, '--seed', '7', '--batch', '16', '--shard-size', '2', '--epochs', '2'];

it.for(['AVX2', 'Clang', 'ARM64'])(
  'a worker of another kind computes in the same class, and the digest stays: %s',
  async (name, { skip }) => {
    const machine = OTHER_MACHINES[name];
    skip(!machine, `no ${name} here`);
    const { cc, node } = machine ?? THIS_MACHINE;
    const path = join(temporaryDirectory(), 'run');
    const coordinator = new Gantry(['coordinator', ...RUN, '--listen', '127.0.0.1:0', '--run', path]);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const dashboard = await Dashboard.of(coordinator);
    await dashboard.control({ action: 'pause' });
    const token = { GANTRY_TOKEN: readToken(path) };
    const worker = ['worker', url, '--engine', 'native', '--threads', '1'];
    const other = new Gantry([...worker, '--name', 'other'], { ...token, CC: cc }, [...node(), ...GANTRY.slice(1)]);
    const own = new Gantry([...worker, '--name', 'own'], token);
    const joined = () => readJsonLines<RecordedEvent>(path, 'events.jsonl').filter(({ type }) => type === 'joined');
    await whenFiles(() => joined().length === 2);
    await dashboard.control({ action: 'resume' });
    for (const { finished } of [coordinator, other, own]) {
      const { code, stderr } = await finished;
      expect(code, stderr).toBe(0);
    }
    const { numericClasses, bitIdentical } = readJson<RunJson>(path, 'run.json');
    expect(numericClasses.map((each) => each.class)).toEqual(['native-1']);
    expect(bitIdentical).toBe(true);
    const workers = readJsonLines<WorkLine>(path, 'work.jsonl').map((line) => line.worker);
    expect(new Set(workers)).toEqual(new Set(['own', 'other']));
    expect(digestOf(path)).toBe(await trainedDigest(...RUN, '--workers', '0', '--engine', 'native'));
  },
);

it.skipIf(!OTHER_MACHINES['AVX2'])(
  'pictures of another kind of machine, and what they are judged to be, are equal to the byte',
  async () => {
    const pictures: Buffer[][] = [];
    for (const cc of [THIS_MACHINE.cc, OTHER_MACHINES['AVX2']?.cc]) {
      const path = join(temporaryDirectory(), 'run');
      const options = [
        '--limit',
        '64',
        '--workers',
        '0',
        '--epochs',
        '2',
        '--ema',
        '0.9',
        '--evaluate-every',
        '2',
        '--run',
        path,
      ];
      const { code, stderr } = await new Gantry(['train', '--seed', '7', ...options], { CC: cc }).finished;
      expect(code, stderr).toBe(0);
      const samples = join(path, 'samples');
      const files = readdirSync(samples).toSorted();
      expect(files).toHaveLength(4);
      expect(lineCount(path, 'evaluations.jsonl')).toBe(1);
      pictures.push([
        ...files.map((file) => readFileSync(join(samples, file))),
        ...['samples.gif', 'evaluations.jsonl'].map((name) => readFileSync(join(path, name))),
      ]);
    }
    expect(pictures[1]).toEqual(pictures[0]);
  },
);
