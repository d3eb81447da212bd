import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const VERSION_1 = '/sys/fs/cgroup/cpu';
const VERSION_2 = '/sys/fs/cgroup';

/** A control group of its own with one core. */
export class CpuQuota {
  readonly #group: string;

  constructor() {
    const isVersion2 = readFileSync('/proc/self/cgroup', 'utf8').startsWith('0::');
    this.#group = join(isVersion2 ? VERSION_2 : VERSION_1, `gantry-test-${process.pid}`);
    mkdirSync(this.#group);
    try {
      const [file, quota] = isVersion2 ? ['cpu.max', '100000 100000'] : ['cpu.cfs_quota_us', '100000'];
      writeFileSync(join(this.#group, file), quota);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** A command line's beginning that starts the rest of it there. */
  get command(): string[] {
    return ['sh', '-c', `echo $$ > ${this.#group}/cgroup.procs && exec "$@"`, 'sh'];
  }

  /** What still runs there goes on without a quota. */
  remove(): void {
    const left = readFileSync(join(this.#group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
    for (const pid of left) writeFileSync(join(dirname(this.#group), 'cgroup.procs'), pid);
    rmdirSync(this.#group);
  }

  /** Whether this machine permits one. */
  static get isAvailable(): boolean {
    try {
      new CpuQuota().remove();
      return true;
    } catch {
      return false;
    }
  }
}
