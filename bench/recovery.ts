/**
 * How long faults hold a run up:
 *
 *     npm run bench:recovery           nine of each; writes bench/results/recovery.json
 *     npm run bench:recovery -- quick  two of each; writes nothing
 *
 * A worker is killed or frozen with a shard in its hands; another one, which has nothing to do, says when that shard comes
 * to it. A coordinator is killed and started again at once.
 */
import { writeFileSync } from 'node:fs';
import { describeMachine, digits, spread, spreadText, table } from '@gantry/cli/bench';
import { coordinatorRestarts, type Restart } from './support/restart-scenario.ts';
import { HEARTBEAT_MS, workerFaults, type WorkerFault } from './support/worker-fault-scenario.ts';

const quick = process.argv.includes('quick');
const REPEATS = quick ? 2 : 9;

function spreads<Key extends string>(times: readonly Readonly<Record<Key, number>>[], ...keys: readonly Key[]) {
  return keys.map((key) => [key, spread(times.map((each) => each[key]))] as const);
}

const machine = describeMachine();
const { killed, frozen } = await workerFaults(REPEATS);
const restarts = await coordinatorRestarts(REPEATS);

const FAULT_KEYS = ['toElsewhere', 'toLeft', 'leftToElsewhere'] as const satisfies readonly (keyof WorkerFault)[];
const RESTART_KEYS = ['toListening', 'toJoined', 'toFirstStep'] as const satisfies readonly (keyof Restart)[];
const results = {
  killed: Object.fromEntries(spreads(killed, ...FAULT_KEYS)),
  frozen: Object.fromEntries(spreads(frozen, 'toElsewhere', 'toLeft')),
  restarted: Object.fromEntries(spreads(restarts, ...RESTART_KEYS)),
};

const meanings: Readonly<Record<string, string>> = {
  'killed.toElsewhere': 'kill -9 of a worker until another one has its shard',
  'killed.toLeft': '… of which: until the coordinator sees the connection close',
  'killed.leftToElsewhere': '… of which: from there until another worker has the shard',
  'frozen.toElsewhere': 'a worker freezes until an idle one has its shard, too',
  'frozen.toLeft': 'a worker freezes until it is given up',
  'restarted.toListening': 'a killed coordinator is started again until it listens',
  'restarted.toJoined': '… until the worker is back',
  'restarted.toFirstStep': '… until the first step is done',
};
const rows = Object.entries(results).flatMap(([scenario, of]) =>
  Object.entries(of).map(([key, times]) => [meanings[`${scenario}.${key}`] ?? key, spreadText(times)]),
);
console.log(
  `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${digits(machine.loadBefore)}; ` +
    `${REPEATS} times each; heartbeat ${HEARTBEAT_MS} ms\n`,
);
console.log(table(['from … until …', 'ms, median (range)'], rows));

if (!quick) {
  const file = new URL('results/recovery.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify({ machine, heartbeatMs: HEARTBEAT_MS, ...results }, undefined, 2)}\n`);
}
