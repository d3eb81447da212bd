import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { containersAreAvailable, inContainer, onMachine } from './support/containers.ts';
import { Gantry, temporaryDirectory, type Finished } from './support/gantry.ts';
import { GANTRY } from './support/gantry-process.ts';
import { isProvided } from './support/requirements.ts';
import { TINY, TINY_DATA } from './support/tiny.ts';

const hasContainers = isProvided('unshare', containersAreAvailable);

describe.skipIf(!hasContainers)(`one volume${hasContainers ? '' : ' (skipped: no namespaces)'}`, () => {
  const newRun = ['train', ...TINY, '--epochs', '100000', '--workers', '0'];
  const resume = ['train', '--resume', ...TINY_DATA, '--workers', '0'];

  /** A run that goes on, where `place` starts it. */
  async function running(place: (command: readonly string[]) => string[]): Promise<{ run: string; holder: Gantry }> {
    const run = join(temporaryDirectory(), 'run');
    const holder = new Gantry([...newRun, '--run', run], {}, place(GANTRY));
    await holder.output(/attach workers with/);
    return { run, holder };
  }

  const end = async (gantry: Gantry): Promise<void> => {
    gantry.process.kill('SIGKILL');
    await gantry.finished;
  };

  const expectRefusal = ({ code, stderr }: Finished, holder: string): void => {
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        `^gantry: \\S+ is being written by ${holder}; stop it first, or choose another --run \\[E_RUN_DIRECTORY\\]\n$`,
      ),
    );
  };

  test('keeps a second container out, and lets the next one go on when the first is killed', async () => {
    const { run, holder } = await running((command) => inContainer('pod-a', command));
    const second = new Gantry([...resume, '--run', run], {}, inContainer('pod-b', GANTRY));
    // Both are process 1 of theirs.
    expectRefusal(await second.finished, 'process 1 on pod-a');
    const outside = new Gantry([...resume, '--run', run]);
    expectRefusal(await outside.finished, 'process 1 on pod-a');
    await end(holder);

    const next = new Gantry([...resume, '--run', run], {}, inContainer('pod-b', GANTRY));
    await next.output(/resuming run/);
    await end(next);
  });

  test('keeps another machine out as long as the first one renews its lock', async () => {
    const identity = join(temporaryDirectory(), 'boot_id');
    writeFileSync(identity, '00000000-0000-4000-8000-000000000000\n');
    const { run, holder } = await running((command) => onMachine(identity, command));
    const second = new Gantry([...resume, '--run', run]);
    expectRefusal(await second.finished, 'process 1 on elsewhere');
    await end(holder);
  });

  test('goes on after a machine that is gone', async () => {
    const { run, holder } = await running((command) => [...command]);
    await end(holder);
    const lease = { kernel: 'another', disk: '7', expiryMs: 1000, beat: '000000000007' };
    writeFileSync(join(run, '.lock-12-0@elsewhere~0123456789abcdef'), JSON.stringify(lease));
    const next = new Gantry([...resume, '--run', run]);
    await next.output(/resuming run/);
    expect(readdirSync(run).filter((name) => name.startsWith('.lock-') && name.includes('elsewhere'))).toEqual([]);
    await end(next);
  });
});
