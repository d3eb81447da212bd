import type { Network, NetworkInTraining, Phase, PhaseResult, Trainable } from '@gantry/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';

/** Numbers by which the classifier describes an image. */
export const FEATURES = 64;
/** The digits 0 … 9. */
export const CLASSES = 10;

const IMAGE_SHAPE = [28, 28, 1];
const PIXELS = 28 * 28;
const LEAKY_RELU_SLOPE = 0.1;

/**
 * A classifier of MNIST's digits with 155,274 parameters: images [B,28,28,1] in [−1, 1] → logits [B,10]. A sample is an image and
 * then its class, one byte for each: 255 for the image's own, 0 for the others.
 */
export function mnistClassifier(): Trainable {
  return {
    name: 'mnist-classifier',
    networks: { classifier: classifierNetwork() },
    data: { samples: [PIXELS + CLASSES] },
    draws: {},
    phases: [classification()],
  };
}

/**
 * The network in inference mode, to be compiled. Run by tfjs itself, it wants a `tf.tidy` around it.
 * @param network the classifier of `mnistClassifier`
 * @param images [B,28,28,1] in [−1, 1]
 * @returns the features [B,64] that the logits [B,10] are a linear function of
 */
export function classify(network: Network, images: tf.Tensor): { features: tf.Tensor; logits: tf.Tensor } {
  const last = network.layers.length - 1;
  const features = network.layers.slice(0, last).reduce((x, layer) => layer.apply(x) as tf.Tensor, images);
  return { features, logits: network.layers[last]?.apply(features) as tf.Tensor };
}

function classifierNetwork(): Network {
  // Of He et al. (2015), for rectified layers, which these nearly are.
  const heNormal = { kernelInitializer: 'heNormal' } as const;
  const conv = (name: string, filters: number, kernelSize: number, inputShape?: number[]) =>
    layers.layers.conv2d({
      ...heNormal,
      name,
      filters,
      kernelSize,
      strides: 2,
      padding: 'same',
      ...(inputShape && { inputShape }),
    });
  const leakyRelu = () => layers.layers.leakyReLU({ alpha: LEAKY_RELU_SLOPE });
  const dropout = (name: string, rate: number) => layers.layers.dropout({ name, rate });
  return layers.sequential({
    name: 'classifier',
    layers: [
      conv('conv1', 32, 5, IMAGE_SHAPE), // [14,14,32]
      leakyRelu(),
      conv('conv2', 64, 5), // [7,7,64]
      leakyRelu(),
      dropout('dropout1', 0.2),
      conv('conv3', 64, 3), // [4,4,64]
      leakyRelu(),
      layers.layers.flatten(),
      dropout('dropout2', 0.3),
      layers.layers.dense({ ...heNormal, name: 'features', units: FEATURES }),
      leakyRelu(),
      dropout('dropout3', 0.3),
      layers.layers.dense({ kernelInitializer: 'glorotUniform', name: 'logits', units: CLASSES }),
    ],
  });
}

/** Takes the data `samples` [B,794]; the network is `classifier`. What it pays is the cross-entropy of the softmax. */
function classification(): Phase {
  return {
    name: 'classify',
    updates: ['classifier'],
    reports: [
      { name: 'loss', chart: 'Loss', label: 'classifier' },
      { name: 'accuracy', chart: 'Accuracy', label: 'classifier', limits: { min: 0, max: 1 } },
    ],
    gradients: (networks, inputs) => {
      const { classifier } = networks as Record<'classifier', NetworkInTraining>;
      const { samples } = inputs as Record<'samples', tf.Tensor>;
      return crossEntropyStep(classifier, samples);
    },
  };
}

function crossEntropyStep(network: NetworkInTraining, samples: tf.Tensor): PhaseResult {
  const count = samples.shape[0] ?? 0;
  const sums: Record<string, tf.Tensor> = {};
  const { grads } = tf.variableGrads(
    () => {
      const images = tf.reshape(tf.slice(samples, [0, 0], [count, PIXELS]), [count, ...IMAGE_SHAPE]);
      const signs = tf.slice(samples, [0, PIXELS], [count, CLASSES]);
      const isClass = tf.div(tf.add(signs, 1), 2); // [B,10], of exactly 0 and 1
      const logits = network.apply(images);
      const loss = tf.neg(tf.sum(tf.mul(isClass, tf.logSoftmax(logits))));
      const isRight = tf.greaterEqual(tf.sum(tf.mul(isClass, logits), 1), tf.max(logits, 1));
      sums['loss'] = tf.keep(loss);
      sums['accuracy'] = tf.keep(tf.sum(tf.cast(isRight, 'float32')));
      return loss as tf.Scalar;
    },
    network.variables.map(({ variable }) => variable),
  );
  const gradients = network.variables.flatMap(({ name, variable }) => {
    const gradient = grads[variable.name];
    return gradient ? [[name, gradient]] : [];
  });
  return { gradients: Object.fromEntries(gradients), sums };
}
