import type { Part } from './part.ts';
import { agreement } from './parts/agreement.ts';
import { doctor } from './parts/doctor.ts';
import { nativeEngine } from './parts/native-engine.ts';
import { machine } from './parts/machine.ts';
import { adapter, placement } from './parts/placement.ts';
import { peers } from './parts/pytorch.ts';
import { training } from './parts/training.ts';
import { webgpuEngine } from './parts/webgpu-engine.ts';

interface PlannedPart {
  readonly run: Part;
  /** Of the time for all; what a part leaves over goes to those after it. */
  readonly share: number;
  readonly needsGpu: boolean;
}

/** In this order: what matters most comes first. */
export const PARTS: Readonly<Record<string, PlannedPart>> = {
  machine: { run: machine, share: 0.05, needsGpu: false },
  adapter: { run: adapter, share: 0.05, needsGpu: false },
  agreement: { run: agreement, share: 0.1, needsGpu: true },
  placement: { run: placement, share: 0.05, needsGpu: true },
  'webgpu engine': { run: webgpuEngine, share: 0.25, needsGpu: true },
  training: { run: training, share: 0.2, needsGpu: true },
  PyTorch: { run: peers, share: 0.35, needsGpu: true },
  doctor: { run: doctor, share: 0.15, needsGpu: false },
  'native engine': { run: nativeEngine, share: 0.1, needsGpu: false },
};
