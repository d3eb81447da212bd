/**
 * Derivatives that tfjs lacks, registered for all backends: of what its gradients are made of, so that a gradient can be
 * differentiated again, as a gradient penalty does. First derivatives are tfjs's own and stay as they are.
 */
import * as tf from '@tensorflow/tfjs-core';
// Registers tfjs's own gradients, some of which are replaced here.
import type * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-layers';
import { GantryError } from '../errors.ts';

/** The gradients of a kernel's inputs by their names, each computed where it is needed. */
type Gradients = Record<string, () => tf.Tensor>;
/** Attributes of the kernels here; each has some of them. */
interface Attrs extends tf.NamedAttrMap {
  readonly filterSize: number | number[];
  readonly strides: number | number[];
  readonly pad: string | number;
}
type Derivative = (dy: tf.Tensor, saved: readonly tf.Tensor[], attrs: Attrs) => Gradients;

/** Registers the derivative of a kernel. @param inputsToSave the inputs that it gets, in this order */
function register(kernelName: string, inputsToSave: string[], derivative: Derivative): void {
  tf.registerGradient({ kernelName, inputsToSave, gradFunc: derivative as unknown as tf.GradFunc });
}

const run = (kernelName: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap = {}): tf.Tensor =>
  tf.engine().runKernel(kernelName, inputs, attrs);

// Steps: what depends on a comparison does so in jumps.
for (const comparison of ['Equal', 'Greater', 'Less', 'LessEqual', 'LogicalAnd']) {
  register(comparison, ['a', 'b'], (_, [a, b]) => ({
    a: () => tf.zeros(a?.shape ?? []),
    b: () => tf.zeros(b?.shape ?? []),
  }));
}
register('LogicalNot', ['x'], (_, [x]) => ({ x: () => tf.zeros(x?.shape ?? []) }));

/**
 * Functions whose gradients tfjs makes of their results. It records the copy of a result that it keeps for that before the
 * function itself, so that a second derivative misses what depends on the result, without a word: the gradient of tanh would be
 * taken for a constant. So the result is computed again, which programs do once, as equal work is done once.
 */
const BY_RESULT: Readonly<Record<string, string[]>> = {
  Elu: ['x'],
  Exp: ['x'],
  Pow: ['a', 'b'],
  Sigmoid: ['x'],
  Softmax: ['logits'],
  Tanh: ['x'],
};

for (const [kernelName, names] of Object.entries(BY_RESULT)) {
  const { gradFunc, inputsToSave = [] } = tf.getGradient(kernelName);
  register(kernelName, names, (dy, saved, attrs) => {
    const inputs = Object.fromEntries(names.map((name, i) => [name, saved[i] as tf.Tensor]));
    const wanted = inputsToSave.map((name) => inputs[name] as tf.Tensor);
    return gradFunc(dy, [...wanted, run(kernelName, inputs, attrs)], attrs);
  });
}

/** The three products of a convolution, by their kernels: each is linear in both of its operands. */
interface Products {
  readonly forward: string;
  readonly input: string;
  readonly filter: string;
}
const PLAIN: Products = { forward: 'Conv2D', input: 'Conv2DBackpropInput', filter: 'Conv2DBackpropFilter' };
const DEPTHWISE: Products = {
  forward: 'DepthwiseConv2dNative',
  input: 'DepthwiseConv2dNativeBackpropInput',
  filter: 'DepthwiseConv2dNativeBackpropFilter',
};

for (const { forward, input, filter: filterGradient } of [PLAIN, DEPTHWISE]) {
  register(filterGradient, ['x', 'dy'], (ddFilter, saved, attrs) => {
    const [x, dy] = saved as [tf.Tensor, tf.Tensor];
    return {
      x: () => run(input, { dy, filter: ddFilter }, { ...attrs, inputShape: x.shape }),
      dy: () => run(forward, { x, filter: ddFilter }, { dilations: 1, ...attrs }),
    };
  });
}
// tfjs has that of a plain convolution, which a transposed one needs in its first derivative.
register(DEPTHWISE.input, ['dy', 'filter'], (ddx, saved, attrs) => {
  const [dy, filter] = saved as [tf.Tensor, tf.Tensor];
  return {
    dy: () => run(DEPTHWISE.forward, { x: ddx, filter }, attrs),
    filter: () => run(DEPTHWISE.filter, { x: ddx, dy }, { ...attrs, filterShape: filter.shape }),
  };
});

// Gradients that are linear in dy and do not depend on what is resized or averaged.
for (const resize of ['ResizeNearestNeighbor', 'ResizeBilinear']) {
  register(`${resize}Grad`, ['dy', 'images'], (ddx, saved, attrs) => {
    const [dy, images] = saved as [tf.Tensor, tf.Tensor];
    const size = dy.shape.slice(1, 3);
    return { dy: () => run(resize, { images: ddx }, { ...attrs, size }), images: () => tf.zeros(images.shape) };
  });
}
register('AvgPoolGrad', ['input'], (ddx, [input], attrs) => ({
  dy: () => run('AvgPool', { x: ddx }, attrs),
  input: () => tf.zeros(input?.shape ?? []),
}));

register('EluGrad', ['dy', 'y'], (ddx, saved) => {
  const [dy, y] = saved as [tf.Tensor, tf.Tensor];
  return {
    dy: () => run('EluGrad', { dy: ddx, y }),
    y: () => tf.mul(tf.mul(ddx, dy), tf.cast(tf.less(y, 0), 'float32')),
  };
});

/** What `MaxPoolGrad` has no derivative for: an element may be the largest of several windows. */
const overlaps = ({ filterSize, strides }: Pick<Attrs, 'filterSize' | 'strides'>): boolean =>
  [0, 1].some((axis) => sideOf(filterSize, axis) > sideOf(strides, axis));

const sideOf = (sides: number | number[], axis: number): number =>
  Array.isArray(sides) ? (sides[axis] ?? NaN) : sides;

/** Where windows do not overlap, the gradient goes to places that a mask marks, and comes back from there. */
register('MaxPoolGrad', ['dy', 'input', 'output'], (ddx, saved, attrs) => {
  const [dy, input, output] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
  const dyGradient = () => {
    if (overlaps(attrs)) throw new Error(missingDerivative('MaxPoolGrad'));
    const mask = run('MaxPoolGrad', { dy: tf.ones(dy.shape), input, output }, attrs);
    const [height, width] = [sideOf(attrs.filterSize, 0), sideOf(attrs.filterSize, 1)];
    const filter = tf.ones([height, width, input.shape[3] ?? 0, 1]);
    return run(DEPTHWISE.forward, { x: tf.mul(ddx, mask), filter }, { dataFormat: 'NHWC', dilations: 1, ...attrs });
  };
  return { dy: dyGradient, input: () => tf.zeros(input.shape), output: () => tf.zeros(output.shape) };
});

/** As tfjs says it. */
const missingDerivative = (kernelName: string): string =>
  `Cannot compute gradient: gradient function not found for ${kernelName}.`;

/** Layers to which a kernel without a derivative belongs, and what to use instead. */
const WITHOUT: Readonly<
  Record<string, { readonly isOne: (layer: layers.layers.Layer) => boolean; readonly instead: string }>
> = {
  MaxPoolGrad: {
    isOne: (layer) => {
      const { poolSize, strides } = layer.getConfig() as { poolSize: number[]; strides: number[] };
      return layer.getClassName() === 'MaxPooling2D' && overlaps({ filterSize: poolSize, strides });
    },
    instead: 'strides as large as its poolSize, or AveragePooling2D',
  },
};

/**
 * What to say of an error of tfjs that a derivative is missing.
 * @param networks those that may be differentiated
 * @returns an E_CONFIG that names the layer; the error itself where it is another one
 */
export function namingLayer(error: unknown, phase: string, networks: readonly layers.Sequential[]): unknown {
  const kernelName = error instanceof Error && /gradient function not found for (\w+)/.exec(error.message)?.[1];
  if (!kernelName) return error;
  const without = WITHOUT[kernelName];
  for (const network of networks) {
    const layer = without && network.layers.find((each) => without.isOne(each));
    if (!layer) continue;
    const name = `layer ${network.name}/${layer.name} (${layer.getClassName()})`;
    const problem = `it has no second derivative, which phase ${phase} takes: use ${without.instead} instead`;
    return new GantryError('E_CONFIG', `${name}: ${problem}`, { cause: error });
  }
  return new GantryError('E_CONFIG', `phase ${phase} takes a derivative that tfjs lacks: of ${kernelName}`, {
    cause: error,
  });
}
