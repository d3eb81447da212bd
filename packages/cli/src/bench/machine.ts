import { createRequire } from 'node:module';
import { cpus, loadavg, release, type } from 'node:os';

/** Where figures were measured, and how busy it was. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly platform: string;
  readonly system: string;
  readonly versions: {
    readonly gantry: string;
    /** Absent where it is not installed. */
    readonly onnxruntime?: string;
  };
  readonly date: string;
  /** Mean number of runnable threads over the last minute when the measurement began; above 1, others were at work. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    system: `${type()} ${release()}`,
    versions: { gantry: versionIn('#package.json'), ...onnxruntimeVersion() },
    date: new Date().toISOString(),
    loadBefore: loadavg()[0] ?? NaN,
  };
}

/** The machine in a line, for people. */
export function machineText({ cpu, cores, node, loadBefore }: Machine): string {
  return `${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore.toFixed(1)}`;
}

const require = createRequire(import.meta.url);

function versionIn(packageJson: string, from = require): string {
  return (from(packageJson) as { version: string }).version;
}

/** Of the one that the worker finds. */
function onnxruntimeVersion(): { onnxruntime?: string } {
  try {
    const onnxruntime = versionIn('onnxruntime-node/package.json', createRequire(require.resolve('@gantry/worker')));
    return { onnxruntime };
  } catch {
    return {};
  }
}
