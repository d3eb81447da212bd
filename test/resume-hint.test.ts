import { mkdirSync, symlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { opensslExists, selfSigned } from './support/certificate.ts';
import { Gantry, digestOf, lineCount, temporaryDirectory, trainedDigest, whenFiles } from './support/gantry.ts';
import { folderWith, ganSource } from './support/own-gan.ts';
import { isProvided } from './support/requirements.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const CLONE = fileURLToPath(new URL('..', import.meta.url));
const SCRIPT = join(CLONE, 'packages/gantry/bin/gantry.js');
/** 192 steps: enough to be stopped in the middle. */
const SIZES = ['--epochs', '3', '--limit', '1024', '--batch', '16', '--shard-size', '8', '--seed', '3'];
const MODEL = ['--model', 'tiny', '--engine', 'onnx'];
const [, IMAGES = ''] = TINY_DATA;

let undisturbed: string;
beforeAll(async () => {
  undisturbed = await trainedDigest(...TINY, ...SIZES, '--engine', 'onnx', '--workers', '0');
});

interface Place {
  readonly directory: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** The command, started in a directory as its user starts it there: without npm's help. */
function started({ directory, env }: Place, ...args: string[]): Gantry {
  const shell = ['sh', '-c', 'cd "$DIRECTORY" && exec "$NODE" "$SCRIPT" "$@"', 'sh'];
  return new Gantry(args, { DIRECTORY: directory, NODE: process.execPath, SCRIPT, INIT_CWD: undefined, ...env }, shell);
}

/** Stops a run in the middle. @returns what it says how to go on */
async function stopped(training: Gantry, run: string): Promise<string> {
  await whenFiles(() => lineCount(run, 'metrics.jsonl') >= 2);
  training.process.kill('SIGTERM');
  const { code, stderr } = await training.finished;
  expect(code, stderr).toBe(143);
  const [, hint = ''] = /^stopped; go on with: (.*)$/m.exec(stderr) ?? [];
  return hint;
}

/** Gives what was printed to a shell in that place. */
function pasted(hint: string, { directory, env }: Place): Gantry {
  return new Gantry([`cd "$DIRECTORY" && ${hint}`], { DIRECTORY: directory, ...env }, ['sh', '-c']);
}

describe('what a stopped run prints goes on with it, given to a shell', () => {
  it.each([
    ['in a clone', 'npx gantry', () => ({ directory: CLONE })],
    ['where it is installed for all', 'gantry', () => ({ directory: temporaryDirectory(), env: onPath() })],
    ['anywhere else', `${process.execPath} ${SCRIPT}`, () => ({ directory: temporaryDirectory() })],
  ])('%s', async (_, command, where) => {
    const place = where();
    const run = join(temporaryDirectory(), 'a run');
    const training = started(place, 'train', ...MODEL, ...TINY_DATA, ...SIZES, '--workers', '1', '--run', run);
    const hint = await stopped(training, run);
    const options = `--engine onnx --workers 1`.split(' ');
    expect(hint.startsWith(`${command} train --run '${run}' --resume `)).toBe(true);
    for (const option of options) expect(hint.split(' ')).toContain(option);
    const { code, stderr } = await pasted(hint, place).finished;
    expect(code, stderr).toBe(0);
    expect(digestOf(run)).toBe(undisturbed);
  });

  it('with paths from there, whatever is in their names, and for the same output', async () => {
    const place = { directory: temporaryDirectory() };
    symlinkSync(IMAGES, join(place.directory, "Ada's images; $HOME"));
    const run = join(place.directory, 'runs', '"a" *');
    const options = ['--data', "Ada's images; $HOME", '--run', 'runs/"a" *', '--workers', '0', '--threads', '1'];
    const hint = await stopped(started(place, 'train', ...MODEL, ...SIZES, ...options, '--json', '--exit'), run);
    expect(hint).not.toContain(place.directory);
    const { code, stdout, stderr } = await pasted(hint, place).finished;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ run: 'runs/"a" *', weightsDigest: undisturbed });
    expect(stderr).toContain('1 thread of this process (onnx engine on cpu)');
  });

  it('with the file of a GAN of one’s own', async () => {
    const place = { directory: folderWith({ 'my own/gan.ts': ganSource() }) };
    const options = ['--model', 'my own/gan.ts', ...TINY_DATA, ...SIZES, '--workers', '0', '--threads', '1', '--exit'];
    const hint = await stopped(started(place, 'train', ...options, '--run', 'run'), join(place.directory, 'run'));
    expect(hint).toContain(" --model 'my own/gan.ts' ");
    const { code, stderr } = await pasted(hint, place).finished;
    expect(code, stderr).toBe(0);
    expect((await started(place, 'train', ...options, '--run', 'straight').finished).code).toBe(0);
    expect(digestOf(join(place.directory, 'run'))).toBe(digestOf(join(place.directory, 'straight')));
  });

  it('from where npm was called, which runs its scripts elsewhere', async () => {
    const [user, script] = [temporaryDirectory(), temporaryDirectory()];
    const run = join(script, 'run');
    const place = { directory: script, env: { INIT_CWD: user } };
    const options = [...MODEL, ...TINY_DATA, ...SIZES, '--workers', '1', '--run', 'run'];
    const hint = await stopped(started(place, 'train', ...options), run);
    const { code, stderr } = await pasted(hint, { directory: user, env: { INIT_CWD: undefined } }).finished;
    expect(code, stderr).toBe(0);
    expect(digestOf(run)).toBe(undisturbed);
  });
});

const hasIpv6 = isProvided('ipv6', () =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1')),
);
const hasOpenssl = isProvided('openssl', opensslExists);

describe('a coordinator comes back to where its worker waits', () => {
  it.skipIf(!hasIpv6)(`on an IPv6 address${hasIpv6 ? '' : ' (skipped: there is no ::1)'}`, async () => {
    const place = { directory: temporaryDirectory() };
    const run = join(place.directory, 'run');
    const options = ['--listen', '[::1]:0', ...TINY, ...SIZES, '--run', 'run'];
    const coordinator = started(place, 'coordinator', ...options);
    const [, url = ''] = await coordinator.output(/worker\.tgz (ws:\S+)/);
    const worker = new Gantry(['worker', url, '--threads', '1', '--engine', 'onnx']);
    const hint = await stopped(coordinator, run);
    expect(hint).toContain(` --listen '[::1]:${new URL(url).port}'`);
    const { code, stderr } = await pasted(hint, place).finished;
    expect(code, stderr).toBe(0);
    expect((await worker.finished).code).toBe(0);
    expect(digestOf(run)).toBe(undisturbed);
  });

  it.skipIf(!hasOpenssl)(`with TLS and other names${hasOpenssl ? '' : ' (skipped: openssl is absent)'}`, async () => {
    const place = { directory: temporaryDirectory() };
    const keys = join(place.directory, 'my keys');
    mkdirSync(keys);
    const { certificate } = selfSigned(keys, '127.0.0.1');
    const run = join(place.directory, 'run');
    const tls = ['--tls-cert', 'my keys/ca.pem', '--tls-key', 'my keys/key.pem', '--allow-host', 'trainer', 'other:80'];
    const options = ['--listen', '127.0.0.1:0', ...tls, ...TINY, ...SIZES, '--run', 'run'];
    const coordinator = started(place, 'coordinator', ...options);
    const [, url = ''] = await coordinator.output(/worker\.tgz (wss:\S+)/);
    const worker = new Gantry(['worker', url, '--tls-ca', certificate, '--threads', '1', '--engine', 'onnx']);
    const hint = await stopped(coordinator, run);
    expect(hint).toContain(' --allow-host trainer --allow-host other:80 ');
    const { code, stderr } = await pasted(hint, place).finished;
    expect(code, stderr).toBe(0);
    expect((await worker.finished).code).toBe(0);
    expect(digestOf(run)).toBe(undisturbed);
  });
});

/** An environment in which `gantry` is the command. */
function onPath(): NodeJS.ProcessEnv {
  const bin = temporaryDirectory();
  symlinkSync(SCRIPT, join(bin, 'gantry'));
  return { PATH: [bin, process.env['PATH']].join(delimiter) };
}
