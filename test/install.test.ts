import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/gantry.ts';
import { isRequired } from './support/requirements.ts';
import { TINY } from './support/tiny.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SIZES = ['--epochs', '1', '--limit', '64', '--batch', '16', '--shard-size', '8'];
/** It takes minutes, and packages of the registry. */
const isAsked = isRequired('install');
/** To install and to build everything anew, on a machine that is busy with other tests. */
const INSTALL_MS = 900_000;

it('no dependency runs a script when it is installed', () => {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
  // npm 11 asks `allowScripts`; npm 10 does what the lock file says.
  const { packages } = read('package-lock.json') as { packages: Record<string, { hasInstallScript?: boolean }> };
  expect(Object.keys(packages).filter((name) => packages[name]?.hasInstallScript)).toEqual([]);
  const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
  expect(Object.values(allowScripts)).not.toContain(true);
});

describe.skipIf(!isAsked)(`a checkout${isAsked ? '' : ' (skipped: GANTRY_REQUIRE does not list install)'}`, () => {
  const checkout = temporaryDirectory();
  const dist = join(checkout, 'packages/cli/dist');

  /** Runs a command there, as a user would. */
  async function run(command: string, ...args: string[]) {
    // The tests' own npm says much in the environment of its children.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$)/.test(name)));
    const child = spawn(command, args, { cwd: checkout, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    expect(stdout + stderr).not.toMatch(/npm warn/i);
    return { status: status as number, stdout, stderr };
  }

  beforeAll(() => {
    const listed = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
    for (const file of listed.split('\0').filter(Boolean)) cpSync(join(ROOT, file), join(checkout, file));
  });

  it(
    'that was not built says how to build it, and is built by that',
    async () => {
      // npm 11 asks before it runs a script of installation; npm 10 does not.
      expect((await run('npx', '-y', 'npm@10', 'ci', '--ignore-scripts')).status).toBe(0);
      const { status, stdout, stderr } = await run('npx', 'gantry', '--version');
      const [, build = ''] = /^gantry: not built yet: run "([^"]*)" in [^\n]*\n$/.exec(stderr) ?? [];
      expect([status, stdout]).toEqual([1, '']);
      expect((await run('sh', '-c', build)).status).toBe(0);
      expect(await run('npx', 'gantry', '--version')).toMatchObject({ status: 0, stderr: '' });
    },
    INSTALL_MS,
  );

  it('that is built trains without the development dependencies', async () => {
    // As `npm ci --omit=dev` does.
    expect((await run('env', 'NODE_ENV=production', 'npx', '-y', 'npm@10', 'ci')).status).toBe(0);
    // No dependency has downloaded what is not of the registry.
    const libraries = readdirSync(join(checkout, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64'));
    expect(libraries).toEqual(['libonnxruntime.so.1', 'onnxruntime_binding.node']);
    expect(readdirSync(join(checkout, 'node_modules'))).not.toContain('nx');
    const { status, stderr } = await run('npx', 'gantry', 'train', ...TINY, ...SIZES);
    expect(status, stderr).toBe(0);
  });

  it('says in one line that building needs the development dependencies', async () => {
    renameSync(dist, `${dist}-aside`);
    const line = /^gantry: not built, as that needs the development dependencies: run "npm ci --include=dev"\n$/;
    const prepared = await run('npm', 'run', 'prepare');
    expect(prepared.stderr).toMatch(line);
    // The install itself is whole.
    expect(prepared.status).toBe(0);
    const built = await run('npm', 'run', '--silent', 'build');
    expect(built.stderr).toMatch(line);
    expect(built.status).toBe(1);
    renameSync(`${dist}-aside`, dist);
  });

  it.each(['12', '18'])('asks for a newer Node than %s', async (version) => {
    const { status, stderr } = await run(
      'npx',
      '-y',
      '-p',
      `node@${version}`,
      'node',
      'packages/cli/bin/gantry.js',
      'train',
    );
    expect(stderr).toMatch(new RegExp(`^gantry: this is Node ${version}\\.[^\\n]* needs 20\\.19 or newer[^\\n]*\\n$`));
    expect(status).toBe(1);
  });
});
