import { createRequire } from 'node:module';
import { GantryError } from '@gantry/core';
import type { EngineName } from './engine-names.ts';

/** An engine needs an npm package that is not there. */
export class MissingPackageError extends GantryError {
  readonly packageName: string;
  /** Without what to do, which depends on how this program is started. */
  readonly why: string;

  constructor(packageName: string, why: string, cause?: unknown) {
    // Its script of installation would fetch CUDA's libraries from elsewhere.
    const remedy =
      packageName === ONNX_RUNTIME ? `; to add it: ONNXRUNTIME_NODE_INSTALL=skip npm install ${packageName}` : '';
    super('E_ENGINE', why + remedy, { cause });
    this.packageName = packageName;
    this.why = why;
  }
}

const ONNX_RUNTIME = 'onnxruntime-node';
const PACKAGES: Readonly<Partial<Record<EngineName, string>>> = {
  onnx: ONNX_RUNTIME,
  // The reference engines run the model's own code.
  tensorflow: '@gantry/models',
  tfjs: '@gantry/models',
};

/** The worker that coordinators serve has none of them. @throws MissingPackageError */
export function requirePackage(engine: EngineName): void {
  const name = PACKAGES[engine];
  if (name === undefined || isInstalled(name)) return;
  const why = name.startsWith('@gantry/')
    ? `the ${engine} engine is part of an installation of Gantry only: choose another`
    : `the ${engine} engine needs the npm package ${name}, which is not here`;
  throw new MissingPackageError(name, why);
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
