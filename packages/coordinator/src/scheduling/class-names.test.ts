import { expect, test } from 'vitest';
import { ClassNames } from './class-names.ts';

const claim = (numericClass: string, probe: string) => ({ numericClass, probe: probe.repeat(16) });

test('workers of one name are of one class as long as their probes are equal', () => {
  const names = new ClassNames();
  expect(names.nameOf(claim('native-1', 'a'))).toBe('native-1');
  expect(names.nameOf(claim('onnx-cpu', 'b'))).toBe('onnx-cpu');
  expect(names.nameOf(claim('native-1', 'c'))).toBe('native-1~cccccccc');
  expect(names.nameOf(claim('native-1', 'a'))).toBe('native-1');
});

test('a resumed run keeps the names of before', () => {
  const names = new ClassNames([{ class: 'native-1', probe: 'a'.repeat(16) }, { class: '0123456789abcdef' }]);
  expect(names.nameOf(claim('native-1', 'c'))).toBe('native-1~cccccccc');
  expect(names.nameOf(claim('native-1', 'a'))).toBe('native-1');
});

test('a class is called as in the record, though nobody bears its name alone any more', () => {
  const before = new ClassNames();
  before.nameOf(claim('onnx-cpu', 'a'));
  const name = before.nameOf(claim('onnx-cpu', 'b'));
  // Only the second one computes.
  const resumed = new ClassNames([{ class: name, probe: before.probeOf(name) ?? '' }]);
  expect(resumed.nameOf(claim('onnx-cpu', 'b'))).toBe(name);
});

test('names that workers make up take no memory', () => {
  const names = new ClassNames();
  for (let i = 0; i < 1000; i++) names.nameOf(claim(`made-up-${i}`, 'a'));
  expect(names.nameOf(claim('made-up-999', 'b'))).toBe('made-up-999~bbbbbbbb');
});
