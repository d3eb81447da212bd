import type { Program } from '@gantry/core';
import type { EngineHost } from '../slots/engine-host.ts';
import { probeShard } from './numeric-class.ts';

/** Of which the fastest counts: what holds one up is none of the device's doing. */
const RUNS = 3;

/** How long the probe shard takes an engine that has computed it before, in ms. */
export async function probeMs(engine: EngineHost, program: Program): Promise<number> {
  let fastest = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const begin = performance.now();
    await engine.gradients(probeShard(program));
    fastest = Math.min(fastest, performance.now() - begin);
  }
  return fastest;
}
