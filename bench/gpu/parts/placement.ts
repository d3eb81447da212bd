import { fileURLToPath } from 'node:url';
import { run, type Ended } from '../child.ts';
import type { Effort, Finding } from '../part.ts';

const OPEN_VERBOSELY = fileURLToPath(new URL('open-verbosely.ts', import.meta.url));

/** ONNX Runtime and the Vulkan loader tell all that they do while a session is opened. */
function openVerbosely(...args: string[]): Promise<Ended> {
  return run(process.execPath, [...process.execArgv, OPEN_VERBOSELY, ...args], {
    env: { VK_LOADER_DEBUG: 'all' },
    isQuiet: true,
  });
}

/**
 * The GPU that ONNX Runtime takes, as the Vulkan loader names it when the device is made.
 * @throws Error if there is none
 */
export async function* adapter(): AsyncGenerator<Finding> {
  const { code, stderr } = await openVerbosely();
  const [, name, driver] = /Using "([^"]*)" with driver: "([^"]*)"/.exec(stderr) ?? [];
  if (code !== 0 || name === undefined) {
    console.error(stderr);
    const why = /Failed to get a WebGPU adapter.*/.exec(stderr)?.[0] ?? `it ended with ${code}`;
    throw new Error(`no Vulkan device (${why}): install the GPU's driver, or name its ICD file in VK_DRIVER_FILES`);
  }
  yield { what: 'adapter', result: `${name}, ${driver}`, figures: { name, driver } };
}

/** Which nodes of the training step do not run on the GPU. */
export async function* placement({ forms, shardSizes: [samples = 0] }: Effort): AsyncGenerator<Finding> {
  for (const form of forms) {
    const { code, stderr } = await openVerbosely(form, `${samples}`);
    if (code !== 0) throw new Error(`the session was not opened (${code}): ${stderr.slice(-300)}`);
    const counts = [...stderr.matchAll(/placed on \[(\w+)ExecutionProvider\]\. Number of nodes: (\d+)/g)];
    const elsewhere = counts.filter(([, provider]) => provider !== 'WebGpu');
    const names = elsewhere.flatMap(([line]) => {
      const rest = stderr.slice(stderr.indexOf(line) + line.length);
      const [section = ''] = rest.split(/placed on \[/);
      return [...section.matchAll(/VerifyEachNodeIsAssignedToAnEp\] {3}(\w+) /g)].map(([, operator]) => operator);
    });
    yield {
      what: `${form}, nodes`,
      result: [
        ...counts.map(([, provider, count]) => `${count} on ${provider}`),
        ...(names.length > 0 ? [`elsewhere: ${names.join(', ')}`] : []),
      ].join('; '),
      figures: { form, samples, nodes: Object.fromEntries(counts.map(([, p, n]) => [p, Number(n)])), elsewhere: names },
    };
  }
}
