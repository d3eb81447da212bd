/** The coded errors of Gantry; those that travel between coordinator and worker are explained in `docs/protocol.md`. */
export const ERROR_CODES = [
  'E_CONFIG',
  'E_DATASET',
  'E_RUN_DIRECTORY',
  'E_CHECKPOINT',
  'E_RESUME',
  'E_ENGINE',
  'E_DIVERGED',
  'E_SAFETENSORS',
  'E_NODE_COVERED',
  'E_BAD_SHAPE',
  'E_PROTOCOL',
  'E_VERSION',
  'E_CHECKSUM',
  'E_AUTH',
  'E_MANIFEST',
  'E_TOO_LARGE',
  'E_STALE_STEP',
  'E_NOT_ASSIGNED',
  'E_NON_FINITE',
  'E_TIMEOUT',
  'E_QUARANTINED',
  'E_AUDIT',
  'E_WRONG_RESULT',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error that a user can act on: one line that says what was wrong, what was expected and what to do. */
export class GantryError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GantryError';
    this.code = code;
  }
}
