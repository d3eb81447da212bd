import type { Referee } from '@gantry/coordinator';
import type { Program } from '@gantry/core';
import { createEngine, prepareDevice, probeNumericClass } from '@gantry/worker';
import { InlineEngine } from '@gantry/worker/portable';

/**
 * An engine of this process for a run's program, on the CPU: computing a shard holds everything else up, and is rare.
 * @throws GantryError E_ENGINE if no engine can run here
 */
export async function startReferee(program: Program): Promise<Referee> {
  const name = await prepareDevice(undefined, 'cpu');
  const engine = new InlineEngine(await createEngine(name));
  await engine.load(program);
  const numericClass = await probeNumericClass(engine, program);
  return {
    engine: name,
    numericClass,
    compute: async (weights, unit) => {
      await engine.setWeights(weights);
      return engine.gradients(unit);
    },
    dispose: () => engine.dispose(),
  };
}
