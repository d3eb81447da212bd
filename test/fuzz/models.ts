import { decodeModel, encodeModel, type GraphProto } from '@gantry/compiler/model-file';
import { CompileError, compile } from '@gantry/compiler';
import { rewriteModel } from '@gantry/compiler/reader';
import { compileTraining } from '@gantry/coordinator';
import { tiny } from '@gantry/models';
import * as tf from '@tensorflow/tfjs-core';
import type { Dice } from '../chaos/dice.ts';
import { mutated, type Subject } from './mutate.ts';

/** A model with most operators, and one with few. */
function originals(): readonly [Uint8Array, Uint8Array] {
  const plan = { images: 4, epochs: 1, batch: 4, shardSize: 4, roundsPerStep: 1 };
  const step = compileTraining(tiny(), plan, 0, 'direct').variants[0]?.onnx ?? new Uint8Array();
  const small = compile(({ x }) => ({ y: tf.sum(tf.leakyRelu(tf.transpose(x as tf.Tensor), 0.3), 1) }), {
    inputs: { x: { shape: [2, 3] } },
  });
  return [small.onnx, step];
}

const NUMBERS = [-1, 0, 1, 2, 3, 7, 64, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 53] as const;
const OPERATORS = [
  'Add',
  'Cast',
  'Concat',
  'Einsum',
  'Expand',
  'Gather',
  'If',
  'MatMul',
  'Pad',
  'ReduceSum',
  'Reshape',
  'Slice',
  'Tile',
  'Transpose',
  'Where',
] as const;

/** As a forger who knows the format would: names, numbers, operators, data and order of a graph change, and the file is well-formed. */
function forged(dice: Dice, graph: GraphProto): GraphProto {
  const [node, initializer] = [graph.node.map((each) => ({ ...each })), graph.initializer.map((each) => ({ ...each }))];
  const input = graph.input.map((each) => ({ ...each }));
  for (let changes = dice.between(1, 3); changes > 0; changes--) {
    const some = node[dice.between(0, node.length - 1)];
    const constant = initializer[dice.between(0, Math.max(0, initializer.length - 1))];
    const declared = input[dice.between(0, input.length - 1)];
    switch (dice.between(0, 8)) {
      case 0:
        if (some) some.opType = dice.pick(OPERATORS);
        break;
      case 1:
        if (some) some.input = dice.shuffled(some.input);
        break;
      case 2:
        if (some) some.input = [...some.input, node[dice.between(0, node.length - 1)]?.output[0] ?? ''];
        break;
      case 3:
        if (some)
          some.attribute = some.attribute.map((each) => ({
            ...each,
            ...(each.ints ? { ints: [dice.between(0, 9)] } : { i: dice.between(0, 9) }),
          }));
        break;
      case 4:
        if (constant) constant.rawData = mutated(dice, constant.rawData);
        break;
      case 5:
        if (constant) constant.dims = constant.dims.map(() => Math.max(0, dice.pick(NUMBERS)));
        break;
      case 6:
        if (constant) constant.dataType = dice.between(0, 12);
        break;
      case 7:
        if (declared)
          declared.shape = declared.shape.map((size) => (dice.between(0, 1) ? size : Math.max(0, dice.pick(NUMBERS))));
        break;
      default:
        node.splice(dice.between(0, node.length), 0, ...node.splice(dice.between(0, node.length - 1), 1));
    }
  }
  return { ...graph, node, initializer, input };
}

export function mutatedModels(): Subject {
  const models = originals();
  const graphs = [decodeModel(models[0]), decodeModel(models[1])] as const;
  return (dice) => {
    // The large one takes a hundred times as long.
    const which = dice.between(0, 99) === 0 ? 1 : 0;
    const input = dice.between(0, 3) > 0 ? encodeModel(forged(dice, graphs[which])) : mutated(dice, models[which]);
    const decode = () => {
      try {
        rewriteModel(input);
        return 'valid';
      } catch (error) {
        if (error instanceof CompileError) return error.code;
        throw error;
      }
    };
    return { input, decode };
  };
}
