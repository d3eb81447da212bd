export { compile, type CompiledProgram, type CompileOptions, type TensorSpec } from './compile.ts';
export { CompileError, type CompileErrorCode } from './errors.ts';
export { ASSIGNED_SUFFIX } from './trace/trace.ts';
export { CONVOLUTION_FORMS, type ConvolutionForm } from './passes/lower-convolutions.ts';
