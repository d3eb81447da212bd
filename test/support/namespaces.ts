import { spawnSync } from 'node:child_process';

function ip(...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  return status === 0 ? undefined : `ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`;
}

function ipOrThrow(...args: string[]): void {
  const failure = ip(...args);
  if (failure !== undefined) throw new Error(failure);
}

/** Two machines as far as the network goes: network namespaces of Linux with one cable between them. */
export class NamespacePair {
  readonly #names: readonly [string, string];
  /** Of the first; the second can reach it. */
  readonly address = '10.99.0.1';

  /** @param label tells this pair from others of the process */
  constructor(label: string) {
    const name = `gantry-test-${process.pid}-${label}`;
    this.#names = [`${name}-1`, `${name}-2`];
    try {
      const [first, second] = this.#names;
      for (const each of this.#names) ipOrThrow('netns', 'add', each);
      ipOrThrow('-n', first, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', second);
      for (const [i, each] of this.#names.entries()) {
        ipOrThrow('-n', each, 'address', 'add', `10.99.0.${i + 1}/24`, 'dev', 'cable');
        ipOrThrow('-n', each, 'link', 'set', 'cable', 'up');
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** A command line's beginning that starts the rest of it there. */
  get first(): string[] {
    return ['ip', 'netns', 'exec', this.#names[0]];
  }

  get second(): string[] {
    return ['ip', 'netns', 'exec', this.#names[1]];
  }

  remove(): void {
    for (const each of this.#names) ip('netns', 'delete', each);
  }

  /** Whether this machine permits namespaces. */
  static get areAvailable(): boolean {
    try {
      new NamespacePair('look').remove();
      return true;
    } catch {
      return false;
    }
  }
}
