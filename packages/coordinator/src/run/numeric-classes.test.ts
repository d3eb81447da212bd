import { expect, it } from 'vitest';
import { ClassNames } from '../scheduling/class-names.ts';
import { NumericClasses } from './numeric-classes.ts';

const node = (numericClass: string, device: string) => ({
  level: 0,
  index: 0,
  worker: device,
  numericClass,
  engine: 'onnx',
  device,
  samples: 2,
  computeMs: 1,
});
const kind = (numericClass: string, device: string) => ({ class: numericClass, engine: 'onnx', device });

it('keeps what computed, and says when a class comes that the run did not have', () => {
  const written: object[] = [];
  const names = new ClassNames();
  names.nameOf({ numericClass: 'bb', probe: 'b'.repeat(16) });
  const before = { numericClasses: [kind('aa', 'cpu')], bitIdentical: true };
  const classes = new NumericClasses(before, names, (record) => written.push(record));
  expect(classes.computed([node('aa', 'cpu')])).toBeUndefined();
  expect(classes.computed([node('aa', 'cpu'), node('aa', 'wasm')])).toBeUndefined();
  expect(classes.computed([node('bb', 'webgpu'), node('aa', 'cpu')])).toMatchObject({
    type: 'classes-mixed',
    classes: ['aa', 'bb'],
  });
  expect(classes.computed([node('bb', 'webgpu')])).toBeUndefined();
  const kinds = [kind('aa', 'cpu'), kind('aa', 'wasm'), { ...kind('bb', 'webgpu'), probe: 'b'.repeat(16) }];
  expect(written).toEqual([
    { numericClasses: kinds.slice(0, 2), bitIdentical: true },
    { numericClasses: kinds, bitIdentical: false },
  ]);
});

it('says it once more when a mixed run is resumed', () => {
  const numericClasses = [kind('aa', 'cpu'), kind('bb', 'webgpu')];
  const classes = new NumericClasses({ numericClasses, bitIdentical: false }, new ClassNames(), () => undefined);
  expect(classes.computed([node('aa', 'cpu')])).toMatchObject({ type: 'classes-mixed', classes: ['aa', 'bb'] });
  expect(classes.computed([node('aa', 'cpu')])).toBeUndefined();
});
