import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { PbfWriter } from 'pbf';
import { describe, expect, it } from 'vitest';
import { CompileError } from '../errors.ts';
import { constant, input, pointwise, reduce, reshape } from '../build.ts';
import { emit } from '../emit/emit.ts';
import type { Node } from '../graph.ts';
import { compile } from '../index.ts';
import { compileNative } from '../native/program.ts';
import { hasCCompiler } from '../testing/oracle.ts';
import { readModel, rewriteModel } from './read-model.ts';

const NOT_OURS = /^an ONNX model that is not written as Gantry writes them$/;

/** Some operators, with constants of several kinds. */
const { onnx } = compile(
  ({ x }) => ({ y: tf.sum(tf.leakyRelu(tf.matMul(tf.reshape(x as tf.Tensor, [2, 3]), tf.ones([3, 2])), 0.3), 1) }),
  { inputs: { x: { shape: [6] } } },
);

/** A field of a message. */
const field = (number: number, value: string | number | Uint8Array): Uint8Array => {
  const file = new PbfWriter();
  if (typeof value === 'number') file.writeVarintField(number, value);
  else if (typeof value === 'string') file.writeStringField(number, value);
  else file.writeBytesField(number, value);
  return Uint8Array.from(file.finish());
};
const message = (...fields: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(fields));
/** protobuf joins messages that come twice: these are more fields of the graph. */
const withinGraph = (...fields: readonly Uint8Array[]) => message(onnx, field(7, message(...fields)));
const tensor = (...fields: readonly Uint8Array[]) => field(5, message(field(8, 'secret'), field(2, 1), ...fields));
const entry = message(field(1, 'location'), field(2, '/etc/shadow'));

describe('a model that somebody else made', () => {
  it.each<[string, Uint8Array]>([
    ['data in another file', withinGraph(tensor(field(1, 8), field(13, entry), field(14, 1)))],
    ['data said to be in another file', withinGraph(tensor(field(1, 1), field(9, new Uint8Array(4)), field(14, 1)))],
    ['a function', message(onnx, field(25, message(field(1, 'f'))))],
    ['metadata', message(onnx, field(14, entry))],
    ['a domain of operators', message(onnx, field(8, message(field(1, 'com.microsoft'), field(2, 1))))],
    ['a text for people', withinGraph(field(10, 'hello'))],
    ['a sparse constant', withinGraph(field(15, message(field(3, 4))))],
    ['an operator of another domain', withinGraph(field(1, message(field(4, 'Neg'), field(7, 'com.microsoft'))))],
    ['a graph in an attribute', withinGraph(field(1, message(field(5, message(field(6, message()))))))],
    ['a field that nobody knows', message(onnx, field(4000, 1))],
    ['bytes at its end', message(onnx, Uint8Array.of(0))],
    ['too few bytes', onnx.subarray(0, -1)],
  ])('is refused with %s', (_, bytes) => {
    expect(() => readModel(bytes)).toThrow(NOT_OURS);
  });

  it('is refused, or read, whatever bytes are changed in it', () => {
    const changes = fc.array(fc.tuple(fc.nat(onnx.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (bytes) => {
        const changed = Uint8Array.from(onnx);
        for (const [at, byte] of bytes) changed[at] = byte;
        try {
          rewriteModel(changed);
        } catch (error) {
          if (!(error instanceof CompileError)) throw error;
          expect(error.code).toBe('unsupported-model');
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('is refused if it takes more memory than there may be', () => {
    const x = input('x', [1], 'float32');
    const wide = pointwise('add', x, constant(1, [2 ** 30], 'float32'));
    const node = reduce('sum', pointwise('mul', wide, pointwise('exp', wide)), [0]);
    const small = emit({ inputs: [x], outputs: [{ name: 'y', node }] });
    expect(small.length).toBeLessThan(500);
    expect(() => readModel(small)).toThrow(/^a model that takes 12\.9 GB of memory at once, more than 4\.3 GB$/);
  });

  it('is refused if it has too many operators, or a tensor too many axes', () => {
    expect(() => readModel(chain(50_001))).toThrow(/^a model of 50001 operators, more than 50000$/);
    const x = input('x', [1], 'float32');
    const node = reshape(x, Array<number>(17).fill(1));
    expect(() => readModel(emit({ inputs: [x], outputs: [{ name: 'y', node }] }))).toThrow(/^'y' of 17 axes/);
  });
});

/** y = −(−(−… x)) [3] */
function chain(operators: number): Uint8Array {
  const x = input('x', [3], 'float32');
  let node: Node = x;
  for (let i = 0; i < operators; i++) node = pointwise('neg', node);
  return emit({ inputs: [x], outputs: [{ name: 'y', node }] });
}

describe('a model of ours', () => {
  it('is the same when it is written anew', () => {
    expect(Buffer.compare(rewriteModel(onnx), onnx)).toBe(0);
  });

  it.skipIf(!hasCCompiler)('may have thousands of operators in a row', async () => {
    const program = await compileNative(chain(3001), ['y']);
    const y = new Float32Array(3);
    program.run(new Uint8Array(program.scratchBytes), [Float32Array.of(1, -2, 3)], [y]);
    expect([...y]).toEqual([-1, 2, -3]);
  });
});
