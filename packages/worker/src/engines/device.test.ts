import { describe, expect, it } from 'vitest';
import { dealGpus, gpusIn, parseDevice } from './device.ts';

const A = 'GPU-5a1c6bd2-1111-2222-3333-444444444444';
const B = 'GPU-9be01f77-1111-2222-3333-444444444444';
const MIG = 'MIG-0f3f0c57-1111-2222-3333-444444444444';
const LISTING = [
  `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${A})`,
  `  MIG 1g.10gb     Device  0: (UUID: ${MIG})`,
  `GPU 1: NVIDIA A2 (rev. 2) (UUID: ${B})`,
  '',
].join('\n');

describe('parseDevice', () => {
  it.each([
    ['cpu', 'cpu'],
    ['webgpu', 'webgpu'],
    ['cuda', 'cuda:0'],
    ['cuda:0', 'cuda:0'],
    ['cuda:07', 'cuda:7'],
  ])('reads %s', (text, device) => {
    expect(parseDevice(text)).toBe(device);
  });

  it.each(['', 'CPU', 'gpu', 'webgpu:0', 'cuda:', 'cuda:-1', 'cuda:1x', 'cuda:1000', 'cuda 0'])(
    'refuses %j',
    (text) => {
      expect(() => parseDevice(text)).toThrow(
        expect.objectContaining({
          code: 'E_CONFIG',
          message: expect.stringMatching(/expected cpu, webgpu, cuda or cuda:INDEX/),
        }),
      );
    },
  );
});

describe('gpusIn', () => {
  it('names all GPUs by UUID', () => {
    expect(gpusIn(LISTING, undefined)).toEqual([A, B]);
  });

  it.each([
    ['1', ['1']],
    ['1,0', ['1', '0']],
    [' 0 , 1 ', ['0', '1']],
    ['GPU-9be', ['GPU-9be']],
    [`${MIG},1`, [MIG, '1']],
  ])('keeps to what the user has chosen: %j', (chosen, gpus) => {
    expect(gpusIn(LISTING, chosen)).toEqual(gpus);
  });

  it.each(['2', '0,2', '', '-1', '0,,1', 'GPU-7', 'none', 'GPU'])(
    'refuses a choice that does not exist: %j',
    (chosen) => {
      expect(() => gpusIn(LISTING, chosen)).toThrow(
        expect.objectContaining({
          code: 'E_ENGINE',
          message: expect.stringMatching(/CUDA_VISIBLE_DEVICES.*--device cpu/),
        }),
      );
    },
  );

  it('refuses a machine without GPUs, whatever is chosen', () => {
    for (const chosen of [undefined, '0']) {
      expect(() => gpusIn('No devices found.\n', chosen)).toThrow(expect.objectContaining({ code: 'E_ENGINE' }));
    }
  });
});

describe('dealGpus', () => {
  it('gives every worker its own GPU while there are enough, and lets them share in turn beyond', () => {
    expect(dealGpus([A, B], 1)).toEqual([A]);
    expect(dealGpus([A, B], 2)).toEqual([A, B]);
    expect(dealGpus([A, B], 5)).toEqual([A, B, A, B, A]);
  });
});
