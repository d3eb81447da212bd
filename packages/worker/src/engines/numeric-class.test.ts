import type { Program } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { expect, test } from 'vitest';
import type { EngineHost } from '../slots/engine-host.ts';
import { numericClassOf, probeOf } from './numeric-class.ts';

/** An engine whose gradients are these bits. */
const engineOf = (...bits: number[]): EngineHost => ({
  dead: false,
  load: () => Promise.resolve(),
  setWeights: () => Promise.resolve(),
  prepare: () => Promise.resolve(),
  gradients: () => Promise.resolve(new Float32Array(Uint32Array.from(bits).buffer)),
  answer: () => Promise.reject(new Error('a probe is of one batch')),
  dispose: () => Promise.resolve(),
});

test('classes are named after what defines them', () => {
  expect(numericClassOf('native', 'cpu')).toMatch(/^native-\d+$/);
  expect(numericClassOf('onnx', 'wasm')).toBe('onnx-wasm');
  expect(numericClassOf('onnx', 'cuda:1')).toBe(numericClassOf('onnx', 'cuda:0'));
});

test('which NaN an engine gives does not matter to its probe, and every other bit does', async () => {
  const program: Program = {
    seed: 0,
    manifest: modelManifest('tiny'),
    variants: [{ phase: 'step', samples: 2, onnx: new Uint8Array() }],
    training: { wire: 'float32', localSteps: 1, localFrom: 0, flip: false, optimizers: {} },
  };
  const probe = (...bits: number[]) => probeOf(engineOf(...bits), program);
  const [one, quietNaN, otherNaN] = [0x3f800000, 0x7fc00000, 0xffc00001];
  expect(await probe(one, otherNaN)).toBe(await probe(one, quietNaN));
  expect(await probe(one + 1, quietNaN)).not.toBe(await probe(one, quietNaN));
  expect(await probe(one, quietNaN)).toMatch(/^[0-9a-f]{16}$/);
});
