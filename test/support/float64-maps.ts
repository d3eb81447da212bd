/** What layers compute with maps and rows of numbers in double precision, plainly written down. */

/** Row-major, the first axis that of the samples. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
export const get = (data: Float64Array, i: number): number => data[i] ?? NaN;

/** Values of this shape, each computed from its place in the last axes of a map [N, H, W, C]. */
function maps(
  [n, h, w, c]: readonly [number, number, number, number],
  valueAt: (sample: number, row: number, column: number, channel: number) => number,
): Values {
  const data = new Float64Array(n * h * w * c);
  let i = 0;
  for (let sample = 0; sample < n; sample++)
    for (let row = 0; row < h; row++)
      for (let column = 0; column < w; column++)
        for (let channel = 0; channel < c; channel++) data[i++] = valueAt(sample, row, column, channel);
  return { shape: [n, h, w, c], data };
}

/** Each number by itself. */
export const mapped = ({ shape, data }: Values, fn: (x: number, i: number) => number): Values => ({
  shape,
  data: data.map(fn),
});

/** With rows that end in the last axis. */
export function byRow(x: Values, fn: (row: Float64Array) => Float64Array): Values {
  const size = x.shape.at(-1) ?? 1;
  const data = new Float64Array(x.data.length);
  for (let i = 0; i < data.length; i += size) data.set(fn(x.data.subarray(i, i + size)), i);
  return { shape: x.shape, data };
}

/** What layers say of themselves, as far as it is used. */
export interface Config {
  readonly [key: string]: unknown;
  readonly kernelSize: readonly [number, number];
  readonly poolSize: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: 'same' | 'valid';
}

export type Map4 = readonly [number, number, number, number];

/** Sizes of the output and what is padded in front, along both axes. */
function windows(shape: readonly number[], taps: readonly number[], { strides, padding }: Config) {
  return [1, 2].map((axis) => {
    const [size = 0, tap = 0, stride = 1] = [shape[axis], taps[axis - 1], strides[axis - 1]];
    const out = Math.ceil((padding === 'same' ? size : size - tap + 1) / stride);
    const before = padding === 'same' ? Math.floor(Math.max(0, (out - 1) * stride + tap - size) / 2) : 0;
    return { size, tap, stride, out, before };
  }) as [Axis, Axis];
}
interface Axis {
  readonly size: number;
  readonly tap: number;
  readonly stride: number;
  readonly out: number;
  readonly before: number;
}

/** Calls back for each tap of a window that lies inside, with its row and column and the tap's own. */
function inside(
  [rows, columns]: readonly [Axis, Axis],
  row: number,
  column: number,
  visit: (y: number, x: number, tapRow: number, tapColumn: number) => void,
): void {
  for (let i = 0; i < rows.tap; i++) {
    const y = row * rows.stride + i - rows.before;
    if (y < 0 || y >= rows.size) continue;
    for (let j = 0; j < columns.tap; j++) {
      const x = column * columns.stride + j - columns.before;
      if (x >= 0 && x < columns.size) visit(y, x, i, j);
    }
  }
}

const at = ([, h, w, c]: Map4, n: number, y: number, x: number, channel: number) => ((n * h + y) * w + x) * c + channel;

export function pooled(x: Values, config: Config, isAverage: boolean): Values {
  const shape = x.shape as Map4;
  const axes = windows(shape, config.poolSize, config);
  return maps([shape[0], axes[0].out, axes[1].out, shape[3]], (n, row, column, channel) => {
    const seen: number[] = [];
    inside(axes, row, column, (y, xx) => seen.push(get(x.data, at(shape, n, y, xx, channel))));
    return isAverage ? seen.reduce((a, b) => a + b, 0) / seen.length : Math.max(...seen);
  });
}

/** With a kernel [kh, kw, C, K]. */
export function convolved(x: Values, kernel: Values, config: Config): Values {
  const [shape, [, kw, c, k]] = [x.shape as Map4, kernel.shape as Map4];
  const axes = windows(shape, kernel.shape, config);
  return maps([shape[0], axes[0].out, axes[1].out, k], (n, row, column, out) => {
    let sum = 0;
    inside(axes, row, column, (y, xx, i, j) => {
      for (let channel = 0; channel < c; channel++) {
        sum += get(x.data, at(shape, n, y, xx, channel)) * get(kernel.data, ((i * kw + j) * c + channel) * k + out);
      }
    });
    return sum;
  });
}

/** With a kernel [kh, kw, C, M]. */
export function depthwise(x: Values, kernel: Values, config: Config): Values {
  const [shape, [, kw, c, m]] = [x.shape as Map4, kernel.shape as Map4];
  const axes = windows(shape, kernel.shape, config);
  return maps([shape[0], axes[0].out, axes[1].out, c * m], (n, row, column, out) => {
    const channel = Math.floor(out / m);
    let sum = 0;
    inside(axes, row, column, (y, xx, i, j) => {
      sum += get(x.data, at(shape, n, y, xx, channel)) * get(kernel.data, (i * kw + j) * c * m + out);
    });
    return sum;
  });
}

/** The adjoint of a convolution with the kernel [kh, kw, K, C]. */
export function transposed(x: Values, kernel: Values, config: Config, outputShape: Map4): Values {
  const [shape, [, kw, k, c]] = [x.shape as Map4, kernel.shape as Map4];
  const axes = windows(outputShape, kernel.shape, config);
  const y = maps([shape[0], outputShape[1], outputShape[2], k], () => 0);
  maps(shape, (n, row, column, channel) => {
    const value = get(x.data, at(shape, n, row, column, channel));
    inside(axes, row, column, (yy, xx, i, j) => {
      for (let out = 0; out < k; out++) {
        const place = at(y.shape as Map4, n, yy, xx, out);
        y.data[place] = get(y.data, place) + value * get(kernel.data, ((i * kw + j) * k + out) * c + channel);
      }
    });
    return 0;
  });
  return y;
}

export function withBias(x: Values, bias: Values | undefined): Values {
  return bias ? mapped(x, (value, i) => value + get(bias.data, i % bias.data.length)) : x;
}

export function dense(x: Values, kernel: Values): Values {
  const [inputs = 0, units = 0] = kernel.shape;
  const rows = x.data.length / inputs;
  const data = new Float64Array(rows * units);
  for (let row = 0; row < rows; row++)
    for (let unit = 0; unit < units; unit++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += get(x.data, row * inputs + i) * get(kernel.data, i * units + unit);
      data[row * units + unit] = sum;
    }
  return { shape: [...x.shape.slice(0, -1), units], data };
}

export function normalized(x: Values, gamma: Values, beta: Values, epsilon: number): Values {
  return byRow(x, (row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
    return row.map((v, i) => ((v - mean) / Math.sqrt(variance + epsilon)) * get(gamma.data, i) + get(beta.data, i));
  });
}

/** Of each channel, the last axis, over all else. */
export function batchNormalized(x: Values, gamma: Values, beta: Values, epsilon: number): Values {
  const channels = gamma.data.length;
  const data = new Float64Array(x.data.length);
  for (let channel = 0; channel < channels; channel++) {
    const own = x.data.filter((_, i) => i % channels === channel);
    const of = ({ data: all }: Values) => ({
      shape: [own.length],
      data: new Float64Array(own.length).fill(get(all, channel)),
    });
    const row = normalized({ shape: [own.length], data: own }, of(gamma), of(beta), epsilon);
    row.data.forEach((value, i) => (data[i * channels + channel] = value));
  }
  return { shape: x.shape, data };
}

export function upsampled(x: Values, [down, across]: readonly [number, number], isNearest: boolean): Values {
  const shape = x.shape as Map4;
  const [n, h, w, c] = shape;
  return maps([n, h * down, w * across, c], (sample, row, column, channel) => {
    const [y, xx] = [row / down, column / across];
    const [top, left] = [Math.floor(y), Math.floor(xx)];
    if (isNearest) return get(x.data, at(shape, sample, top, left, channel));
    const value = (i: number, j: number) =>
      get(x.data, at(shape, sample, Math.min(h - 1, i), Math.min(w - 1, j), channel));
    const along = (i: number) => value(i, left) + (value(i, left + 1) - value(i, left)) * (xx - left);
    return along(top) + (along(top + 1) - along(top)) * (y - top);
  });
}

export function overMap(x: Values, fn: (values: readonly number[]) => number): Values {
  const shape = x.shape as Map4;
  const [n, h, w, c] = shape;
  const reduced = maps([n, 1, 1, c], (sample, _, __, channel) => {
    const all: number[] = [];
    for (let y = 0; y < h; y++) for (let xx = 0; xx < w; xx++) all.push(get(x.data, at(shape, sample, y, xx, channel)));
    return fn(all);
  });
  return { shape: [n, c], data: reduced.data };
}

export type Widths = readonly (readonly [number, number])[];

/** A map with its borders cut off, or with others in zeros. */
export function shifted(x: Values, outputShape: readonly number[], [rows, columns]: Widths, by: 1 | -1): Values {
  const shape = x.shape as Map4;
  const [, h, w] = shape;
  return maps(outputShape as unknown as Map4, (n, row, column, channel) => {
    const [y, xx] = [row + by * (rows?.[0] ?? NaN), column + by * (columns?.[0] ?? NaN)];
    return y < 0 || y >= h || xx < 0 || xx >= w ? 0 : get(x.data, at(shape, n, y, xx, channel));
  });
}

/** Of [N, A, B, C], the axes in another order; counted from 1. */
export function permuted(x: Values, dims: readonly number[], outputShape: readonly number[]): Values {
  const shape = x.shape as Map4;
  return maps(outputShape as unknown as Map4, (n, ...place) => {
    const own = [0, 0, 0];
    dims.forEach((axis, i) => (own[axis - 1] = place[i] ?? NaN));
    const [a = 0, b = 0, c = 0] = own;
    return get(x.data, at(shape, n, a, b, c));
  });
}

/** [N, C] → [N, count, C] */
export function repeated(x: Values, count: number, outputShape: readonly number[]): Values {
  const [n = 0, c = 0] = x.shape;
  const { data } = maps([n, 1, count, c], (sample, _, __, channel) => get(x.data, sample * c + channel));
  return { shape: outputShape, data };
}

export const valuesOf = (shape: readonly number[], data: ArrayLike<number>): Values => {
  if (data.length !== sizeOf(shape)) throw new RangeError(`${data.length} values for [${shape.join()}]`);
  return { shape, data: Float64Array.from(data) };
};
