/** A picture, or a level of its pyramid. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [height,width,channels] */
  readonly values: Float64Array;
}

/** The smaller side that a level has at least, if it is not the picture itself. */
const SMALLEST_SIDE = 16;

/**
 * The sizes of the levels of a pyramid: from that of the picture on, half of it, a quarter, …, as long as the sides can be
 * halved and the smaller one then has 16 pixels or more. There is one at least.
 */
export function pyramidSizes(
  height: number,
  width: number,
): readonly { readonly height: number; readonly width: number }[] {
  const sizes = [{ height, width }];
  while (height % 2 === 0 && width % 2 === 0 && Math.min(height, width) / 2 >= SMALLEST_SIDE) {
    [height, width] = [height / 2, width / 2];
    sizes.push({ height, width });
  }
  return sizes;
}

/**
 * One level of the Laplacian pyramid of Burt and Adelson (1983) with the binomial filter 1 4 6 4 1 both ways, edges mirrored
 * without being repeated (c b | a b c): a level is what halving and doubling loses of the picture halved so often, and the
 * last one is that picture itself.
 * @param level from 0, the finest
 * @param levels how many there are: as many as `pyramidSizes` names
 */
export function pyramidLevel(picture: Picture, level: number, levels: number): Picture {
  let current = picture;
  for (let i = 0; i < level; i++) current = halved(current);
  if (level === levels - 1) return current;
  const coarse = doubled(halved(current)).values;
  return { ...current, values: current.values.map((value, i) => value - (coarse[i] as number)) };
}

/** The filtered picture, every second pixel of every second row of it. Even sides of 4 or more. */
function halved({ height, width, channels, values }: Picture): Picture {
  const narrow = halvedAlong(values, height, width, channels);
  const half = halvedAlong(narrow, 1, height, (width / 2) * channels);
  return { height: height / 2, width: width / 2, channels, values: half };
}

/** Zeros put between pixels and rows, filtered and made four times as bright. */
function doubled({ height, width, channels, values }: Picture): Picture {
  const wide = doubledAlong(values, height, width, channels);
  const twice = doubledAlong(wide, 1, height, width * 2 * channels);
  return { height: height * 2, width: width * 2, channels, values: twice };
}

/** [outer,length,inner] → [outer,length/2,inner] */
function halvedAlong(values: Float64Array, outer: number, length: number, inner: number): Float64Array {
  const out = new Float64Array((outer * length * inner) / 2);
  let at = 0;
  for (let line = 0; line < outer; line++) {
    for (let i = 0; i < length; i += 2) {
      const begin = line * length;
      const centre = (begin + i) * inner;
      const before = (begin + mirrored(i - 1, length)) * inner;
      const after = (begin + mirrored(i + 1, length)) * inner;
      const before2 = (begin + mirrored(i - 2, length)) * inner;
      const after2 = (begin + mirrored(i + 2, length)) * inner;
      for (let k = 0; k < inner; k++) {
        const outermost = (values[before2 + k] as number) + (values[after2 + k] as number);
        const next = (values[before + k] as number) + (values[after + k] as number);
        out[at++] = (outermost + 4 * next + 6 * (values[centre + k] as number)) / 16;
      }
    }
  }
  return out;
}

/** [outer,length,inner] → [outer,2·length,inner] */
function doubledAlong(values: Float64Array, outer: number, length: number, inner: number): Float64Array {
  const out = new Float64Array(outer * length * inner * 2);
  for (let line = 0; line < outer; line++) {
    for (let i = 0; i < length; i++) {
      const begin = line * length;
      const centre = (begin + i) * inner;
      // Mirrored where they lie among the zeros: behind the last pixel come a zero and then this pixel again.
      const before = (begin + (i > 0 ? i - 1 : 1)) * inner;
      const after = (begin + Math.min(i + 1, length - 1)) * inner;
      const even = (begin + i) * 2 * inner;
      for (let k = 0; k < inner; k++) {
        const value = values[centre + k] as number;
        const next = values[after + k] as number;
        out[even + k] = ((values[before + k] as number) + 6 * value + next) / 8;
        out[even + inner + k] = (value + next) / 2;
      }
    }
  }
  return out;
}

function mirrored(i: number, length: number): number {
  if (i < 0) return -i;
  return i < length ? i : 2 * (length - 1) - i;
}
