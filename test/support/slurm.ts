import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryDirectory } from './gantry-process.ts';
import { Machine } from './machine.ts';
import { whenFiles } from './run-files.ts';

const CONTROLLER = 'controller';
const FIRST_PORT = 7001;
/** Between looks at what only a command can tell. */
const LOOK_MS = 200;
/** Makes a node of the cluster a machine that has processes and a name of its own. */
const UNSHARE = 'unshare --pid --fork --kill-child --mount --mount-proc --uts';

export interface JobRecord {
  /** As Slurm calls it: RUNNING, COMPLETED … */
  readonly state: string;
  readonly restarts: number;
  /** Empty while it is pending. */
  readonly firstNode: string;
}

/**
 * A cluster of Slurm's own daemons in namespaces of Linux: machines with names, addresses and processes of their own, as far
 * as Slurm and Gantry can tell, and one file system. It ends with this process at the latest.
 */
export class SlurmCluster {
  readonly nodes: readonly string[];
  readonly #directory = temporaryDirectory();
  #machine: Machine | undefined;

  private constructor(nodes: readonly string[]) {
    this.nodes = nodes;
    mkdirSync(this.#file('state'));
    writeFileSync(this.#file('munge.key'), randomBytes(1024), { mode: 0o600 });
    writeFileSync(this.#file('slurm.conf'), this.#configuration());
    const names = [CONTROLLER, ...nodes].map((name, i) => `${address(i)} ${name}`);
    writeFileSync(this.#file('hosts'), ['127.0.0.1 localhost', ...names, ''].join('\n'));
  }

  /** Resolves once Slurm would start a job on each of the nodes. */
  static async start(nodes: readonly string[]): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(nodes);
    await cluster.#start();
    return cluster;
  }

  /** Whether this machine has what it takes. */
  static get isAvailable(): boolean {
    const tools = ['munged', 'slurmctld', 'slurmd', 'srun', 'ip', 'nsenter'];
    return tools.every((tool) => spawnSync('which', [tool]).status === 0) && Machine.isPermitted;
  }

  async #start(): Promise<void> {
    const setUp = [
      ...[CONTROLLER, ...this.nodes].map((_, i) => `ip address add ${address(i)}/24 dev lo`),
      `mount --bind ${this.#file('hosts')} /etc/hosts`,
      `hostname ${CONTROLLER}`,
    ];
    this.#machine = await Machine.start(setUp);
    this.#daemon(
      'munged',
      '--foreground',
      // As root, in a folder below one that all may write to.
      '--force',
      `--socket=${this.#file('munge.socket')}`,
      `--key-file=${this.#file('munge.key')}`,
      `--pid-file=${this.#file('munge.pid')}`,
      `--seed-file=${this.#file('munge.seed')}`,
    );
    await whenFiles(() => existsSync(this.#file('munge.socket')));
    this.#daemon('slurmctld', '-D', '-i');
    for (const node of this.nodes) this.boot(node);
    for (const node of this.nodes) await this.isUp(node);
  }

  /** Starts a node whose machine is off. */
  boot(node: string): void {
    const asNode = `hostname ${node} && exec slurmd -D`;
    this.#daemon('sh', '-c', `echo $$ > ${this.#pidFile(node)}; exec ${UNSHARE} sh -c '${asNode}'`);
  }

  /** Ends all processes of a node at once, as a loss of power does. */
  async cutPower(node: string): Promise<void> {
    await this.run('sh', '-c', `kill -KILL $(cat ${this.#pidFile(node)})`);
  }

  /** Resolves once Slurm takes the node for usable. */
  async isUp(node: string): Promise<void> {
    await this.#when(async () => /^(idle|mixed|allocated)$/m.test(await this.run('sinfo', '-hn', node, '-o', '%T')));
  }

  /** Kills a process of a node by the number that it has there. */
  async kill(node: string, pid: number): Promise<void> {
    await this.run('sh', '-c', `nsenter --target ${this.#slurmd(node)} --pid kill -KILL ${pid}`);
  }

  /** Lets Slurm lose touch with a node, on which everything goes on. */
  async cutOff(node: string): Promise<void> {
    await this.run('sh', '-c', `kill -STOP ${this.#slurmd(node)}`);
  }

  /** Runs a command where the daemons are. @returns standard output */
  async run(...command: string[]): Promise<string> {
    return this.machine.run(command, this.#environment);
  }

  /** Submits a job that writes its logs into a folder. @returns its number */
  async submit(directory: string, env: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
    const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return (await this.run('env', '-C', directory, ...settings, 'sbatch', '--parsable', ...args)).trim();
  }

  async job(id: string): Promise<JobRecord> {
    const record = await this.run('scontrol', 'show', 'job', '-o', id);
    const field = (name: string) => new RegExp(`\\b${name}=(\\S*)`).exec(record)?.[1] ?? '';
    return { state: field('JobState'), restarts: Number(field('Restarts')), firstNode: field('BatchHost') };
  }

  /** Resolves once the job is over, whatever became of it. */
  async ended(id: string): Promise<JobRecord> {
    const over = /^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|PREEMPTED|OUT_OF_MEMORY|BOOT_FAIL)$/;
    await this.#when(async () => over.test((await this.job(id)).state));
    return this.job(id);
  }

  /** All nodes together, as they have one network. */
  get machine(): Machine {
    if (!this.#machine) throw new Error('the cluster was not started');
    return this.#machine;
  }

  /** What the daemons have logged. */
  get logs(): string {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith('.log'));
    return names.map((name) => `${name}:\n${readFileSync(join(this.#directory, name), 'utf8')}`).join('\n');
  }

  get #environment(): NodeJS.ProcessEnv {
    return { SLURM_CONF: this.#file('slurm.conf') };
  }

  #daemon(...command: string[]): void {
    this.machine.begin(command, this.#environment);
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  /** What a shell takes for the number of a node's first process. */
  #slurmd(node: string): string {
    return `$(cat /proc/$(cat ${this.#pidFile(node)})/task/*/children)`;
  }

  #pidFile(node: string): string {
    return this.#file(`${node}.machine`);
  }

  async #when(look: () => Promise<boolean>): Promise<void> {
    while (!(await look())) await delay(LOOK_MS);
  }

  #configuration(): string {
    const nodes = this.nodes.map((name, i) => `NodeName=${name} Port=${FIRST_PORT + i} CPUs=1 State=UNKNOWN`);
    return `
ClusterName=test
SlurmctldHost=${CONTROLLER}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that was requeued waits until what its first start was permitted by has expired.
AuthInfo=socket=${this.#file('munge.socket')},cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
ReturnToService=2
SlurmdTimeout=5
MailProg=/bin/true
StateSaveLocation=${this.#file('state')}
SlurmdSpoolDir=${this.#file('spool-%n')}
SlurmctldPidFile=${this.#file('slurmctld.pid')}
SlurmdPidFile=${this.#file('%n.pid')}
SlurmctldLogFile=${this.#file('slurmctld.log')}
SlurmdLogFile=${this.#file('%n.log')}
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
${nodes.join('\n')}
PartitionName=usual Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=2
`;
  }
}

function address(index: number): string {
  return `10.98.0.${10 + index}`;
}
