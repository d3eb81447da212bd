import type { Referee } from '@gantry/coordinator';
import { RoundShapes, decodeVector, type LoadedUnit, type PlannedUnit, type Program } from '@gantry/core';
import { EngineThread, prepareDevice, numericClassOf, probeOf, type Device, type EngineName } from '@gantry/worker';

/**
 * An engine in a thread of this process, for a run's program.
 * @param engine default: what this machine's own workers would take
 * @throws GantryError E_ENGINE if no engine can run here
 */
export async function startReferee(
  programFor: (device: string) => Program,
  load: (unit: PlannedUnit) => LoadedUnit,
  engine: EngineName | undefined,
  device: Device,
): Promise<Referee> {
  const name = await prepareDevice(engine, device);
  const thread = new EngineThread(name, device);
  try {
    const program = programFor(device);
    await thread.load(program);
    const probe = await probeOf(thread, program);
    const shapes = new RoundShapes(program.manifest, program.training);
    return {
      engine: name,
      numericClass: numericClassOf(name, device),
      probe,
      compute: async (published, unit) => {
        // Calls are carried out in their order: nothing comes between the two.
        const [, answer] = await Promise.all([thread.setWeights(published), thread.answer(load(unit))]);
        const { length, compact } = shapes.contribution(unit.round);
        return decodeVector(shapes.spec.wire, answer, length, compact);
      },
      dispose: () => thread.dispose(),
    };
  } catch (error) {
    await thread.dispose();
    throw error;
  }
}
