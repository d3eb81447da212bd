export { compile, type CompiledProgram, type CompileOptions, type TensorSpec } from './compile.ts';
export { CompileError, type CompileErrorCode } from './errors.ts';
export { ASSIGNED_SUFFIX } from './trace/trace.ts';
export type { ConvolutionForm } from './convolution-forms.ts';
