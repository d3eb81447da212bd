/** For the benchmarks of this repository that are no commands. */
export { cpuTimes, elapsed } from './cpu-times.ts';
export { describeMachine, machineText } from './machine.ts';
export { digits, median, spread, spreadText, table, type Spread } from './statistics.ts';
export { Answers, SyntheticWorker } from './synthetic-worker.ts';
export { Viewers } from './viewers.ts';
