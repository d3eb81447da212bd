import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkLine } from '@gantry/coordinator';
import type { RecordedEvent } from '@gantry/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from './chaos/free-port.ts';
import { SlowLink } from './chaos/slow-link.ts';
import { opensslExists, selfSigned } from './support/certificate.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, digestOf, readJsonLines, readToken, temporaryDirectory, trainedDigest } from './support/gantry.ts';
import { NamespacePair } from './support/namespaces.ts';
import { isProvided } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

/** Five epochs of 64 steps: each worker is there for some of them. */
const RUN = [...TINY, '--epochs', '5', '--seed', '7', '--limit', '1014', '--batch', '16', '--shard-size', '4'];
const BIN = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
/** Where `gantry` is a command, as for users. */
const USER_ENV = { PATH: [BIN, process.env['PATH']].join(delimiter) };

const hasNamespaces = isProvided('netns', () => NamespacePair.areAvailable);
const hasOpenssl = isProvided('openssl', opensslExists);

let inOneProcess: string;
beforeAll(async () => {
  inOneProcess = await trainedDigest(...RUN, '--workers', '0');
});

/**
 * Trains with a coordinator and two workers, which attach by the command that the coordinator prints. Asserts that both
 * workers take part, show what they do, and that the weights are those of one process.
 * @param coordinatorBegin what starts `gantry` where the coordinator runs
 * @param workerBegin what starts a shell where the workers run
 * @param directory where the shell runs
 * @returns the printed command
 */
async function trainTogether(
  options: readonly string[],
  { coordinatorBegin = [] as string[], workerBegin = [] as string[], directory = temporaryDirectory() },
): Promise<string> {
  const run = join(temporaryDirectory(), 'run');
  const args = ['coordinator', ...RUN, ...options, '--run', run];
  const coordinator = new Gantry(args, USER_ENV, [...coordinatorBegin, 'gantry']);
  const [, command = ''] = await coordinator.output(/^attach workers with: (.*)$/m);
  const paste = (line: string) =>
    new Gantry(['-c', `cd ${directory} && exec env ${line}`], USER_ENV, [...workerBegin, 'sh']);
  // Older npm damages a package that two of its processes install at the same moment.
  expect((await paste(`${command} --version`).finished).code).toBe(0);
  const attach = (name: string) => paste(`${command} --threads 1 --name ${name}`);
  const [first, second] = [attach('first'), attach('second')];
  // Whoever is there first waits for the other: it must not do all the work before.
  await first.output(/joined run/);
  first.process.kill('SIGSTOP');
  await second.output(/joined run/).finally(() => first.process.kill('SIGCONT'));

  for (const { finished } of [coordinator, first, second]) {
    const { code, stderr } = await finished;
    expect(code, stderr).toBe(0);
  }
  for (const { finished } of [first, second]) {
    expect((await finished).stderr).toMatch(/^step \d+, \d+ shards? done, \d+ images\/s, waiting \d+%$/m);
  }
  const workers = readJsonLines<WorkLine>(run, 'work.jsonl').map(({ worker }) => worker);
  expect(new Set(workers)).toEqual(new Set(['first', 'second']));
  expect(digestOf(run)).toBe(inOneProcess);
  return command;
}

describe('workers attach and give the weights of one process', () => {
  it('on the same machine, where they find the token by themselves', async () => {
    const command = await trainTogether(['--listen', '127.0.0.1:0'], {});
    expect(command).toMatch(/^npx --yes http:\/\/127\.0\.0\.1:(\d+)\/[\da-f]{16}\/worker\.tgz ws:\/\/127\.0\.0\.1:\1$/);
  });

  describe.skipIf(!hasNamespaces)(
    `over a network${hasNamespaces ? '' : ' (skipped: ip netns is not permitted)'}`,
    () => {
      let machines: NamespacePair;
      beforeAll(() => {
        machines = new NamespacePair('network');
      });
      afterAll(() => machines.remove());

      it('in the clear', async () => {
        const { first, second, address } = machines;
        const places = { coordinatorBegin: first, workerBegin: second };
        const command = await trainTogether(['--listen', `${address}:0`], places);
        expect(command).toMatch(
          /^GANTRY_TOKEN=\$\(cat \/.*\/work\.token\) npx --yes http:\/\/10\.99\.0\.1:(\d+)\/[\da-f]{16}\/worker\.tgz ws:\/\/10\.99\.0\.1:\1$/,
        );
      });

      it.skipIf(!hasOpenssl)(`with TLS${hasOpenssl ? '' : ' (skipped: openssl is absent)'}`, async () => {
        const { first, second, address } = machines;
        const directory = temporaryDirectory();
        const { certificate, key } = selfSigned(directory, address);
        const options = ['--listen', `${address}:0`, '--tls-cert', certificate, '--tls-key', key];
        const places = { coordinatorBegin: first, workerBegin: second, directory };
        const command = await trainTogether(options, places);
        expect(command).toMatch(
          /^npm_config_cafile=ca\.pem NODE_EXTRA_CA_CERTS=ca\.pem GANTRY_TOKEN=\$\(cat \/.*\/work\.token\) npx --yes https:\/\/10\.99\.0\.1:\d+\/[\da-f]{16}\/worker\.tgz wss:\/\/10\.99\.0\.1:\d+$/,
        );
      });
    },
  );
});

it('a worker is not taken for dead while its result is on its way, however long that takes', async () => {
  const run = join(temporaryDirectory(), 'run');
  const port = await freePort();
  const link = await SlowLink.open(port);
  // A leaf of 10 MB needs four seconds, where three without a sign of life are the end.
  link.slow(2_500_000);
  const sizes = ['--epochs', '1', '--limit', '16', '--batch', '16', '--shard-size', '16'];
  const listen = ['--listen', `127.0.0.1:${port}`, '--allow-host', `127.0.0.1:${link.port}`];
  const coordinator = new Gantry(['coordinator', ...sizes, ...listen, '--run', run]);
  await coordinator.output(/^attach workers with/m);
  const token = readToken(run);
  const worker = new Gantry(['worker', `ws://127.0.0.1:${link.port}`, '--threads', '1'], { GANTRY_TOKEN: token });
  expect((await coordinator.finished).code).toBe(0);
  expect((await worker.finished).code).toBe(0);
  link.close();
  const left = readJsonLines<RecordedEvent>(run, 'events.jsonl').filter(({ type }) => type === 'left');
  expect(left.map(({ cause }) => cause)).toEqual(['the run is finished']);
});

it('a worker on a slow link beside a fast one stays, idle and seen to be so, and holds nobody up', async () => {
  const run = join(temporaryDirectory(), 'run');
  const port = await freePort();
  const link = await SlowLink.open(port);
  // 40 steps; the weights of each are 10 MB.
  const sizes = ['--epochs', '1', '--limit', '160', '--batch', '4', '--shard-size', '2'];
  const listen = ['--listen', `127.0.0.1:${port}`, '--allow-host', `127.0.0.1:${link.port}`];
  const coordinator = new Gantry(['coordinator', ...sizes, ...listen, '--run', run]);
  await coordinator.output(/^attach workers with/m);
  const messages = (await Dashboard.of(coordinator)).watch();
  const token = readToken(run);
  const attach = (name: string, to: number) => {
    const options = ['--name', name, '--engine', 'onnx', '--threads', '1'];
    return new Gantry(['worker', `ws://127.0.0.1:${to}`, ...options], { GANTRY_TOKEN: token });
  };
  const slow = attach('slow', link.port);
  await slow.output(/joined run/);
  link.slow(1_000_000);
  const fast = attach('fast', port);
  await messages.until(({ workers }) =>
    workers.some(({ name, state }) => name === 'slow' && (state === 'late' || state === 'behind')),
  );
  expect((await coordinator.finished).code).toBe(0);
  expect((await fast.finished).code).toBe(0);
  link.close();
  const ofSlow = readJsonLines<RecordedEvent>(run, 'events.jsonl').filter(({ worker }) => worker === 'slow');
  expect(ofSlow.filter(({ type }) => type === 'joined')).toHaveLength(1);
  expect(ofSlow.filter(({ type }) => type === 'left').map(({ cause }) => cause)).toEqual(['the run is finished']);
  expect(digestOf(run)).toBe(await trainedDigest(...sizes, '--engine', 'onnx', '--workers', '0'));
});

it('a token that a killed coordinator has left behind is named as such, and another run is not joined', async () => {
  const [own, others] = [temporaryDirectory(), temporaryDirectory()];
  const start = (stateHome: string, port: number | string) =>
    new Gantry(['coordinator', ...RUN, '--listen', `127.0.0.1:${port}`, '--run', join(temporaryDirectory(), 'run')], {
      XDG_STATE_HOME: stateHome,
    });
  const killed = start(own, 0);
  const [, url = ''] = await killed.output(/worker\.tgz (ws:\S+)/);
  killed.process.kill('SIGKILL');
  await killed.finished;
  const other = start(others, new URL(url).port);
  await other.output(/worker\.tgz ws:/);

  const { code, stderr } = await new Gantry(['worker', url], { XDG_STATE_HOME: own }).finished;
  expect(stderr).toMatch(
    /^gantry: what listens on port \d+ is another coordinator, or none: .*work\.token .*\(used: .*noted for port \d+\) \[E_AUTH\]$/m,
  );
  expect(code).toBe(1);
  other.process.kill('SIGTERM');
  expect((await other.finished).code).toBe(143);
});
