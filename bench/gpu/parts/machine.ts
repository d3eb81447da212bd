import { describeMachine, machineText } from '@gantry/cli/bench';
import { outputOf } from '../child.ts';
import type { Finding } from '../part.ts';

const DRIVER_FIELDS = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];

/** What is there; nothing of it is required. */
export async function* machine(): AsyncGenerator<Finding> {
  const description = describeMachine();
  yield { what: 'CPU', result: machineText(description), figures: description };
  for (const [what, program, ...args] of [
    ['GPU, driver, memory', 'nvidia-smi', ...DRIVER_FIELDS],
    ['C compiler', process.env['CC'] ?? 'cc', '--version'],
    ['Python', 'python3', '--version'],
  ] as const) {
    const output = await outputOf(program, args).catch((error: Error) => `none (${error.message})`);
    yield { what, result: output.trim().split('\n')[0] ?? '' };
  }
}
