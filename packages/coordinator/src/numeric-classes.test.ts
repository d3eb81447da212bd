import { expect, it } from 'vitest';
import { NumericClasses } from './numeric-classes.ts';

const joined = (numericClass: string, device: string) => ({
  step: 3,
  type: 'joined',
  class: numericClass,
  engine: 'onnx',
  device,
});

it('says once when a class comes that the run did not have, also where the others are of an earlier start', async () => {
  const written: object[] = [];
  const before = { numericClasses: [{ class: 'aa', engine: 'onnx', device: 'cpu' }], bitIdentical: true };
  const classes = new NumericClasses(before, (record) => {
    written.push(record);
    return Promise.resolve();
  });
  expect(classes.joined(joined('aa', 'cpu'))).toBeUndefined();
  expect(classes.joined(joined('aa', 'wasm'))).toBeUndefined();
  expect(classes.joined(joined('bb', 'webgpu'))).toMatchObject({
    type: 'classes-mixed',
    step: 3,
    classes: ['aa', 'bb'],
  });
  expect(classes.joined(joined('bb', 'webgpu'))).toBeUndefined();
  expect(classes.joined(joined('aa', 'cpu'))).toBeUndefined();
  await classes.settled();
  const kinds = [
    ...before.numericClasses,
    { class: 'aa', engine: 'onnx', device: 'wasm' },
    { class: 'bb', engine: 'onnx', device: 'webgpu' },
  ];
  expect(written).toEqual([
    { numericClasses: kinds.slice(0, 2), bitIdentical: true },
    { numericClasses: kinds, bitIdentical: false },
  ]);
});

it('the first class of a run mixes with nothing', () => {
  const classes = new NumericClasses({ numericClasses: [], bitIdentical: true }, () => Promise.resolve());
  expect(classes.joined(joined('aa', 'cpu'))).toBeUndefined();
});
