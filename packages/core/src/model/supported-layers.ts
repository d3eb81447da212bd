import type * as layers from '@tensorflow/tfjs-layers';

type Config = Readonly<Record<string, unknown>>;

/** Layers that compute the same in training and in inference. */
const SAME_IN_TRAINING: ReadonlySet<string> = new Set([
  'Activation',
  'AveragePooling2D',
  'Conv2D',
  'Conv2DTranspose',
  'Cropping2D',
  'Dense',
  'DepthwiseConv2D',
  'ELU',
  'Embedding',
  'Flatten',
  'GlobalAveragePooling2D',
  'GlobalMaxPooling2D',
  'LayerNormalization',
  'LeakyReLU',
  'MaxPooling2D',
  'PReLU',
  'Permute',
  'ReLU',
  'RepeatVector',
  'Reshape',
  'SeparableConv2D',
  'Softmax',
  'ThresholdedReLU',
  'UpSampling2D',
  'ZeroPadding2D',
]);

/** Layers that training computes in its own way. */
const OF_TRAINING: ReadonlySet<string> = new Set(['BatchNormalization', 'Dropout']);

/** What to use instead of layers that there are elsewhere. */
const INSTEAD: Readonly<Record<string, string>> = {
  AlphaDropout: 'Dropout',
  AveragePooling1D: 'AveragePooling2D on maps of height 1',
  AveragePooling3D: 'AveragePooling2D',
  Bidirectional: 'Conv2D or Dense',
  Conv1D: 'Conv2D on maps of height 1',
  Conv3D: 'Conv2D',
  Conv3DTranspose: 'Conv2DTranspose',
  ConvLSTM2D: 'Conv2D',
  GRU: 'Conv2D or Dense',
  GaussianDropout: 'Dropout',
  GaussianNoise: 'Dropout',
  GlobalAveragePooling1D: 'GlobalAveragePooling2D on maps of height 1',
  GlobalMaxPooling1D: 'GlobalMaxPooling2D on maps of height 1',
  LSTM: 'Conv2D or Dense',
  MaxPooling1D: 'MaxPooling2D on maps of height 1',
  MaxPooling3D: 'MaxPooling2D',
  RNN: 'Conv2D or Dense',
  Resizing: 'UpSampling2D or AveragePooling2D',
  SimpleRNN: 'Conv2D or Dense',
  SpatialDropout1D: 'Dropout',
  TimeDistributed: 'Conv2D with a kernel of 1',
};

/** Activations that the compiler or tfjs lacks derivatives of, with what comes close. */
const ACTIVATION_INSTEAD: Readonly<Record<string, string>> = {
  gelu: 'gelu_new',
  logSoftmax: 'softmax, and tf.log in the phase,',
};

const sidesOf = (sides: unknown): readonly unknown[] => (Array.isArray(sides) ? sides : [sides]);

/**
 * Why a layer cannot be trained for what it computes, whatever its weights are.
 * @returns the end of a sentence that begins with the layer's name; undefined for one that can
 */
export function whyUnsupported(layer: layers.layers.Layer): string | undefined {
  const kind = layer.getClassName();
  if (!SAME_IN_TRAINING.has(kind) && !OF_TRAINING.has(kind)) {
    const instead = INSTEAD[kind];
    return `layers of this kind are not supported${instead === undefined ? '' : `: use ${instead} instead`}`;
  }
  const { activation, dilationRate } = layer.getConfig() as Config;
  const instead = typeof activation === 'string' ? ACTIVATION_INSTEAD[activation] : undefined;
  if (instead !== undefined) return `the activation ${String(activation)} is not supported: use ${instead} instead`;
  if (sidesOf(dilationRate).some((rate) => typeof rate === 'number' && rate > 1)) {
    return 'a dilationRate is not supported: use a larger kernelSize, or strides, instead';
  }
  return undefined;
}
