import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { stateDirectory } from '@gantry/coordinator/announcement';
import { z } from 'zod';

const recordSchema = z.object({
  /** Homes may be shared by machines. */
  host: z.string(),
  speeds: z.array(z.object({ engine: z.string(), device: z.string(), imagesPerSecond: z.number() })),
});

/** Where something can compute, and how fast on one thread. */
export type Speed = z.infer<typeof recordSchema>['speeds'][number];

/** Notes what the doctor has measured, for workers to come; where nothing can be written, they go without. */
export async function noteSpeeds(speeds: readonly Speed[]): Promise<void> {
  const path = recordPath();
  if (path === undefined) return;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, JSON.stringify({ host: hostname(), speeds }));
  } catch {
    // The report itself does not depend on it.
  }
}

/** The fastest place by the doctor's last measurements, if it is faster than all of a worker's threads where it is. */
export async function fasterPlace(engine: string, device: string, threads: number): Promise<Speed | undefined> {
  const speeds = await notedSpeeds();
  const chosen = speeds.find((speed) => speed.engine === engine && speed.device === device);
  const [best] = speeds.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond);
  return chosen && best && best.imagesPerSecond > chosen.imagesPerSecond * threads ? best : undefined;
}

async function notedSpeeds(): Promise<Speed[]> {
  const path = recordPath();
  if (path === undefined) return [];
  try {
    const { host, speeds } = recordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return host === hostname() ? speeds : [];
  } catch {
    // There is no need for it: without one, nothing is suggested.
    return [];
  }
}

function recordPath(): string | undefined {
  const directory = stateDirectory();
  return directory === undefined ? undefined : join(directory, 'doctor.json');
}
