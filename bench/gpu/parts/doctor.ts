import { gantryJson } from '../child.ts';
import { DATA_OPTION } from '../data.ts';
import type { Finding } from '../part.ts';

interface DoctorFinding {
  readonly what: string;
  readonly usable: boolean;
  readonly detail: string;
}

/** What `gantry doctor` says. */
export async function* doctor(): AsyncGenerator<Finding> {
  for (const finding of await gantryJson<DoctorFinding[]>('doctor', ...DATA_OPTION)) {
    const { what, usable, detail } = finding;
    yield { what, result: usable ? detail : `missing: ${detail}`, figures: finding };
  }
}
