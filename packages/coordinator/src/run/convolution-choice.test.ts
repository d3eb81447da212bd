import type { ConvolutionForm } from '@gantry/compiler';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConvolutionChoice } from './convolution-choice.ts';

type Given = ConstructorParameters<typeof ConvolutionChoice>[0];

let nowMs: number;
let written: object[];
beforeEach(() => {
  nowMs = 0;
  written = [];
});

function choice(record: Partial<Given> = {}): ConvolutionChoice {
  const given = { config: {}, numericClasses: [], ...record };
  return new ConvolutionChoice(
    given,
    ({ convolutions }) => void written.push(convolutions),
    () => nowMs,
  );
}

/** Comes with each form that it is offered, until it can take work. @returns the forms */
function comes(
  to: ConvolutionChoice,
  worker: string,
  msOf: Partial<Record<ConvolutionForm, number>>,
  device = 'webgpu',
) {
  const forms: ConvolutionForm[] = [];
  for (;;) {
    const form = to.offer(device, worker);
    if (!form) throw new Error('it was sent away');
    forms.push(form);
    if (to.ready(device, worker, form, msOf[form])) return forms;
  }
}

describe('the form of convolutions', () => {
  it('is the one in which the first GPU is faster, once and for all', () => {
    const forms = choice();
    expect(comes(forms, 'first', { direct: 9, fastest: 4 })).toEqual(['direct', 'fastest']);
    expect(comes(forms, 'second', { fastest: 100 })).toEqual(['fastest']);
    expect(comes(forms, 'first', { fastest: 100 })).toEqual(['fastest']);
    expect(written).toEqual([{ webgpu: 'fastest' }]);
  });

  it('may be the one that was measured first, for which the worker comes once more', () => {
    expect(comes(choice(), 'first', { direct: 4, fastest: 9 })).toEqual(['direct', 'fastest', 'direct']);
    expect(written).toEqual([{ webgpu: 'direct' }]);
  });

  it('is chosen for each kind of GPU by itself, and is no question on a CPU', () => {
    const forms = choice();
    expect(comes(forms, 'a', {}, 'cpu')).toEqual(['fastest']);
    expect(comes(forms, 'b', {}, 'wasm')).toEqual(['fastest']);
    expect(comes(forms, 'c', {}, 'a name of its own')).toEqual(['direct']);
    expect(written).toEqual([]);
    comes(forms, 'd', { direct: 1, fastest: 2 }, 'cuda:1');
    comes(forms, 'e', { direct: 2, fastest: 1 });
    expect(written.at(-1)).toEqual({ cuda: 'direct', webgpu: 'fastest' });
    expect(forms.offer('cuda:0', 'f')).toBe('direct');
  });

  it('is the plain one where the first GPU is made of software, which tells no time', () => {
    const forms = choice();
    expect(comes(forms, 'software', {})).toEqual(['direct']);
    expect(comes(forms, 'hardware', { direct: 9 })).toEqual(['direct']);
    expect(written).toEqual([{ webgpu: 'direct' }]);
  });

  it('is the plain one where somebody cannot wait for a worker', () => {
    const forms = choice();
    expect(forms.settledOn('webgpu')).toBe('direct');
    expect(comes(forms, 'first', { direct: 9 })).toEqual(['direct']);
    expect(written).toEqual([{ webgpu: 'direct' }]);
  });

  it('is measured by one worker at a time; the next one takes over where it is gone', () => {
    const forms = choice();
    expect(forms.offer('webgpu', 'first')).toBe('direct');
    expect(forms.offer('webgpu', 'second')).toBeUndefined();
    forms.left('webgpu', 'second');
    expect(forms.offer('webgpu', 'second')).toBeUndefined();
    forms.left('webgpu', 'first');
    expect(forms.offer('webgpu', 'second')).toBe('direct');
    // What is late counts for nothing.
    expect(forms.ready('webgpu', 'first', 'direct', 1)).toBe(false);
    expect(forms.ready('webgpu', 'second', 'direct', 5)).toBe(false);
    // It does not come back for the other form.
    expect(forms.offer('webgpu', 'third')).toBeUndefined();
    nowMs = 60_000;
    expect(comes(forms, 'third', { direct: 9, fastest: 6 })).toEqual(['direct', 'fastest']);
  });

  it('stays what a run has, or was told', () => {
    expect(choice({ convolutions: { webgpu: 'fastest' } }).offer('webgpu', 'a')).toBe('fastest');
    const told = choice({ config: { convolutions: 'patches' } });
    expect(comes(told, 'a', { patches: 9 })).toEqual(['patches']);
    expect(told.settledOn('cuda:0')).toBe('patches');
    expect(told.settledOn('cpu')).toBe('fastest');
    // A run of an earlier version, which measured nothing.
    const earlier = choice({ numericClasses: [{ class: 'onnx-cuda', engine: 'onnx', device: 'cuda:0' }] });
    expect(earlier.offer('cuda:1', 'a')).toBe('direct');
    expect(written).toEqual([]);
  });
});
