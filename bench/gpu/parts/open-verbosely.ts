/** Opens the training step, or a model that is nothing but an addition, on WebGPU; ONNX Runtime and the Vulkan loader say what they do. */
import { compile, type ConvolutionForm } from '@gantry/compiler';
import * as ort from '@gantry/compiler/onnx-runtime';
import { compileTraining } from '@gantry/coordinator';
import { dcgan } from '@gantry/models';
import * as tf from '@tensorflow/tfjs-core';

const [form, samples = '64'] = process.argv.slice(2);

function addition(): Uint8Array {
  return compile(({ x }) => ({ y: tf.add(x as tf.Tensor, 1) }), { inputs: { x: { shape: [1] } } }).onnx;
}

function trainingStep(convolutions: ConvolutionForm): Uint8Array {
  const shardSize = Number(samples);
  const plan = { images: shardSize, epochs: 1, batch: shardSize, shardSize };
  return compileTraining(dcgan(), plan, 0, convolutions).variants[0]?.onnx as Uint8Array;
}

ort.env.logLevel = 'verbose';
const onnx = form === undefined ? addition() : trainingStep(form as ConvolutionForm);
const options = { executionProviders: ['webgpu'], logSeverityLevel: 0 } as const;
const session = await ort.InferenceSession.create(onnx, options);
await session.release();
