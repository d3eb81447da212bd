import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile, CompileError } from './index.ts';
import { operatorCounts, run, type Tensors, type Traced, values } from './testing/oracle.ts';

const shape = [2, 3];
const inputs = { x: { shape }, y: { shape } };
const X = values(shape);
const Y = values(shape, { seed: 2 });

const withX =
  (fn: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor): Traced =>
  ({ x = X, y = Y }) => ({ out: fn(x, y) });

/** What compiling `fn` throws. */
function errorOf(fn: Traced, options: Parameters<typeof compile>[1] = { inputs }): CompileError {
  try {
    compile(fn, options);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
  throw new Error('compiled');
}

/** What a compilation must not change. */
function engineState() {
  const { numTensors, numBytes, numDataBuffers } = tf.memory();
  return {
    backend: tf.getBackend(),
    memory: { numTensors, numBytes, numDataBuffers },
    backends: tf.engine().backendNames(),
    variables: Object.keys(tf.engine().registeredVariables),
    kernels: tf.getKernelsForBackend('gantry-recorder').length,
    scope: tf.engine().state.activeScope,
  };
}

const step: Traced = ({ x = X, y = Y }) => ({
  loss: tf.sum(tf.softplus(tf.matMul(x, y, false, true))),
  scaled: tf.mul(x, 0.1),
});

const counts = (fn: Traced) => operatorCounts(compile(fn, { inputs }));

describe('errors', () => {
  const outside = values([4]);

  it.each<[string, string, RegExp, Traced]>([
    ['a kernel without translation', 'unsupported-kernel', /'Cumsum'/, withX((x) => tf.cumsum(x))],
    [
      'a random tensor',
      'non-uniform-constant',
      /float32 constant of shape \[2,3\].*randomUniform/,
      withX((x) => tf.add(x, tf.randomUniform([2, 3]))),
    ],
    [
      'a tensor of different values',
      'non-uniform-constant',
      /int32 constant of shape \[2\]/,
      withX((x) => tf.add(tf.sum(x), tf.tensor([1, 2], [2], 'int32'))),
    ],
    ['dropout', 'non-uniform-constant', /shape \[2,3\]/, withX((x) => tf.dropout(x, 0.5))],
    ['dataSync', 'symbolic-read', /reads the values/, withX((x) => tf.scalar(x.dataSync()[0] ?? 0))],
    [
      'dataSync of an outside tensor',
      'symbolic-read',
      /reads the values/,
      withX(() => tf.scalar(outside.dataSync()[0] ?? 0)),
    ],
    ['an outside tensor', 'captured-tensor', /float32 tensor of shape \[4\]/, withX((x) => tf.add(tf.sum(x), outside))],
    ['an outside tensor as output', 'captured-tensor', /float32 tensor of shape \[4\]/, () => ({ out: outside })],
    [
      'NCHW',
      'unsupported-argument',
      /NCHW/,
      withX((x) => tf.conv2d(tf.reshape<tf.Rank.R4>(x, [1, 1, 2, 3]), tf.ones([1, 1, 1, 1]), 1, 'valid', 'NCHW')),
    ],
    [
      'an unusual fused activation',
      'unsupported-argument',
      /'relu6'/,
      withX((a, b) => tf.fused.matMul({ a, b, transposeB: true, activation: 'relu6' })),
    ],
    ['strings', 'unsupported-argument', /'string'/, withX(() => tf.tensor(['a', 'b']))],
  ])('%s', (_, code, message, fn) => {
    const error = errorOf(fn);
    expect([error.name, error.code]).toEqual(['CompileError', code]);
    expect(error.message).toMatch(message);
  });

  it('two equal names', () => {
    const w = tf.variable(values([2, 3]));
    expect(errorOf(({ x = X }) => ({ y: tf.neg(x) }))).toMatchObject({
      code: 'duplicate-name',
      message: expect.stringContaining("'y'"),
    });
    expect(errorOf(withX(tf.add), { inputs, variables: { x: w } })).toMatchObject({
      code: 'duplicate-name',
      message: expect.stringContaining("'x'"),
    });
    w.dispose();
  });

  it('an undeclared variable, used or assigned', () => {
    const w = tf.variable(values([2, 3]), true, 'undeclared');
    const before = w.dataSync();
    expect(errorOf(withX((x) => tf.add(x, w))).code).toBe('captured-tensor');
    const assigning = withX((x) => {
      w.assign(x);
      return x;
    });
    expect(errorOf(assigning)).toMatchObject({
      code: 'captured-tensor',
      message: expect.stringContaining("'undeclared'"),
    });
    expect(w.dataSync()).toEqual(before);
    w.dispose();
  });

  it('a compilation inside a compilation', () => {
    const nested = withX((x) => {
      compile(withX(tf.neg), { inputs });
      return x;
    });
    expect(() => compile(nested, { inputs })).toThrow('compile was called by the function that it compiles');
    expect(compile(withX(tf.neg), { inputs }).outputs).toHaveLength(1);
  });

  it('of the function itself pass through', () => {
    const failure = new RangeError('mine');
    const throwing = () => {
      throw failure;
    };
    expect(() => compile(throwing, { inputs })).toThrow(failure);
  });
});

describe('isolation', () => {
  let w: tf.Variable;
  beforeEach(() => {
    w = tf.variable(values([2, 3]));
  });
  afterEach(() => {
    w.dispose();
  });

  const leaking = ({ x = X }: Tensors): Tensors => {
    tf.keep(tf.neg(x));
    tf.variable(tf.abs(x), true, 'made in the trace');
    w.assign(tf.exp(x));
    const { grads } = tf.variableGrads(() => tf.sum<tf.Scalar>(tf.mul(w, x)), [w]);
    return { gradient: grads[w.name] ?? x };
  };

  it.each<[string, (body: () => void) => void]>([
    ['outside of any scope', (body) => body()],
    ['inside tf.tidy', (body) => tf.tidy(body)],
    [
      'while a gradient is recorded',
      (body) => {
        tf.tidy(() => {
          const gradient = tf.grad((x) => {
            const y = tf.square(x);
            body();
            return y;
          })(tf.scalar(3));
          expect(gradient.dataSync()).toEqual(Float32Array.of(6));
        });
      },
    ],
  ])('leaves tfjs as it was, %s', (_, within) => {
    within(() => {
      const before = engineState();
      const value = w.dataSync();
      compile(leaking, { inputs, variables: { w } });
      expect(engineState()).toEqual(before);
      const failing: Traced = (tensors) => {
        leaking(tensors);
        return tf.tidy(() => ({ out: tf.grad((x) => tf.cumsum(x))(tensors['x'] ?? w) }));
      };
      expect(() => compile(failing, { inputs, variables: { w } })).toThrow(CompileError);
      expect(engineState()).toEqual(before);
      expect(w.dataSync()).toEqual(value);
    });
  });

  it('compiles variables of a backend that is not the current one', async () => {
    tf.registerBackend('other', () => new tf.KernelBackend());
    expect(await tf.setBackend('other')).toBe(true);
    const program = compile(({ x = X }) => ({ out: tf.mul(x, w) }), { inputs, variables: { w } });
    expect(tf.getBackend()).toBe('other');
    await tf.setBackend('cpu');
    delete tf.engine().registryFactory['other'];
    const { out } = await run(program, { x: X, y: Y, w });
    expect(out?.data).toEqual(tf.mul(X, w).dataSync());
  });
});

describe('programs', () => {
  it('are the same bytes every time', () => {
    expect(compile(step, { inputs }).onnx).toEqual(compile(step, { inputs }).onnx);
  });

  // Remote workers check a program's hash: it must not depend on the process, the machine or the version of Node. A
  // change of the compiler that changes programs changes this value too.
  it('have a hash that is the same everywhere', () => {
    const { onnx } = compile(step, { inputs });
    expect(createHash('sha256').update(onnx).digest('hex')).toBe(
      '16cb8ae822bdef82b0d29e1b5bcf10e676ca63ac650b1dc558e7d12877b7c338',
    );
  });

  it('name every input, used or not, and every output', async () => {
    const program = compile(({ x = X }) => ({ same: x, twice: x, sum: tf.sum(x), nothing: tf.zeros([2]) }), { inputs });
    expect(program.inputs).toEqual([
      { name: 'x', shape: [2, 3], dtype: 'float32' },
      { name: 'y', shape: [2, 3], dtype: 'float32' },
    ]);
    const results = await run(program, { x: X, y: Y });
    expect(Object.keys(results)).toEqual(['same', 'twice', 'sum', 'nothing']);
    expect(results['twice']?.data).toEqual(X.dataSync());
    expect(results['nothing']?.data).toEqual(new Float32Array(2));
  });
});

describe('optimisation', () => {
  it('computes a repeated expression once', () => {
    expect(counts(withX((x, y) => tf.add(tf.exp(tf.mul(x, y)), tf.neg(tf.exp(tf.mul(x, y))))))).toEqual({
      Mul: 1,
      Exp: 1,
      Neg: 1,
      Add: 1,
    });
  });

  it('leaves out what no output needs', () => {
    expect(counts(withX((x, y) => (tf.exp(y), tf.neg(x))))).toEqual({ Neg: 1 });
  });

  it('drops neutral operands', () => {
    expect(counts(withX((x) => tf.div(tf.mul(tf.sub(tf.add(x, 0), tf.zerosLike(x)), tf.onesLike(x)), 1)))).toEqual({
      Identity: 1,
    });
  });

  it('folds arithmetic on constants', async () => {
    const fn = withX((x) => tf.add(x, tf.sqrt(tf.div(tf.add(tf.scalar(1), 2), tf.fill(X.shape, 0.1)))));
    const program = compile(fn, { inputs });
    expect(operatorCounts(program)).toEqual({ Add: 1 });
    const { out } = await run(program, { x: X, y: Y });
    expect(out?.data).toEqual(fn({ x: X, y: Y })['out']?.dataSync());
  });

  it('broadcasts uniform constants and repeated values late or never', async () => {
    const fn = withX((x) => tf.mul(tf.add(tf.tile(tf.sum(x, 1, true), [1, 3]), tf.fill(X.shape, 2)), x));
    const program = compile(fn, { inputs });
    expect(operatorCounts(program)).toEqual({ ReduceSum: 1, Add: 1, Mul: 1 });
    const { out } = await run(program, { x: X, y: Y });
    expect(out?.data).toEqual(fn({ x: X, y: Y })['out']?.dataSync());
  });

  it('joins reshapes and transposes, and drops those that change nothing', () => {
    expect(counts(withX((x) => tf.reshape(tf.reshape(x, [6]), [3, 2])))).toEqual({ Reshape: 1 });
    expect(counts(withX((x) => tf.transpose(tf.transpose(tf.reshape(x, [1, 2, 3]), [2, 0, 1]), [1, 2, 0])))).toEqual({
      Reshape: 1,
    });
    expect(counts(withX((x) => tf.exp(tf.transpose(tf.transpose(x)))))).toEqual({ Exp: 1 });
    expect(counts(withX((x) => tf.transpose(tf.reshape(x, [2, 1, 3]), [1, 0, 2])))).toEqual({ Reshape: 1 });
  });

  it('shares the centred values of a normalisation with its variance', () => {
    const normalise = withX((x) => {
      const { mean, variance } = tf.moments(x, 0);
      return tf.div(tf.sub(x, mean), variance);
    });
    expect(counts(normalise)).toEqual({ ReduceMean: 2, Sub: 1, Mul: 1, Div: 1 });
  });

  it('writes the slope of leakyRelu without a selection', () => {
    const gradient = withX((x) => tf.grad((a) => tf.sum(tf.leakyRelu(a, 0.3)))(x));
    expect(counts(gradient)).toEqual({ Mul: 1, Clip: 1 });
  });
});
