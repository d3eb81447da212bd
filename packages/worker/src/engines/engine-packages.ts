import { createRequire } from 'node:module';
import { GantryError } from '@gantry/core';
import type { EngineName } from './engine-names.ts';

/** An engine needs an npm package that is not there; whoever knows how this program was started can say what to do. */
export class MissingPackageError extends GantryError {
  readonly packageName: string;

  constructor(packageName: string, message: string, cause?: unknown) {
    super('E_ENGINE', message, { cause });
    this.packageName = packageName;
  }
}

const PACKAGES: Readonly<Partial<Record<EngineName, string>>> = {
  onnx: 'onnxruntime-node',
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
