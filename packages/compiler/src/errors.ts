/** What went wrong, for callers that branch on it. */
export type CompileErrorCode =
  /** A tfjs kernel that the compiler does not translate; the message names it. */
  | 'unsupported-kernel'
  /** A supported kernel called in a way that is not translated (an activation, a data format, a dtype…). */
  | 'unsupported-argument'
  /** A tensor with more than one distinct value was created inside the traced function. */
  | 'non-uniform-constant'
  /** The traced function read a tensor's values (`dataSync`, `arraySync`, `data`…). */
  | 'symbolic-read'
  /** The traced function used a tensor or variable that is neither an input, nor declared, nor made inside it. */
  | 'captured-tensor'
  /** Two inputs, variables or outputs share a name. */
  | 'duplicate-name'
  /** A model with something that is not translated to C. */
  | 'unsupported-model'
  /** There is no C compiler, or it cannot compile a program. */
  | 'c-compiler';

/** What is given to `compile` or `compileNative` cannot be compiled. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly code: CompileErrorCode;

  constructor(code: CompileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
