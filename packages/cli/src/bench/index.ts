/** For the benchmarks of this repository that are no commands. */
export { startCoordinator, type CoordinatorProcess } from './coordinator-process.ts';
export { FrameStream, OPCODE } from './frame-stream.ts';
export { GantryProcess } from './gantry-process.ts';
export { describeMachine, machineText } from './machine.ts';
export { temporaryDirectory } from './owned.ts';
export { withToken } from './printed-link.ts';
export { digits, median, spread, spreadText, table, type Spread } from './statistics.ts';
export { Answers, SyntheticWorker } from './synthetic-worker.ts';
