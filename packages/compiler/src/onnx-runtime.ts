/** ONNX Runtime, which otherwise reports to its makers and notes the machine's number in the home directory. */
import './no-telemetry.ts';

export { InferenceSession, Tensor, env } from 'onnxruntime-node';
