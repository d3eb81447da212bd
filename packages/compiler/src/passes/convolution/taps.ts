import type { ConvolutionAxis, ConvolutionGeometry } from '../../graph.ts';

/** Where one tap of one axis meets the input: `count` outputs from `outputBegin`, the first of them at `inputBegin`. */
interface TapSpan {
  readonly outputBegin: number;
  readonly count: number;
  readonly inputBegin: number;
}

export interface Tap {
  readonly row: TapSpan;
  readonly column: TapSpan;
}

function spans({ inputSize, outputSize, taps, stride, dilation, padBefore }: ConvolutionAxis): TapSpan[] {
  return Array.from({ length: taps }, (_, tap) => {
    const offset = tap * dilation - padBefore;
    const outputBegin = Math.max(0, Math.ceil(-offset / stride));
    const outputEnd = Math.min(outputSize, Math.floor((inputSize - 1 - offset) / stride) + 1);
    return { outputBegin, count: Math.max(0, outputEnd - outputBegin), inputBegin: outputBegin * stride + offset };
  });
}

/** All taps in the filter's order; one that only ever sees padding has a count of 0. */
export function tapsOf([rows, columns]: ConvolutionGeometry): Tap[] {
  const columnSpans = spans(columns);
  return spans(rows).flatMap((row) => columnSpans.map((column) => ({ row, column })));
}
