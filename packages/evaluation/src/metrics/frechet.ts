import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Moments } from './moments.ts';

/**
 * The squared Fréchet distance of the normal distributions with these moments, |μa − μb|² + tr(Σa + Σb − 2(ΣaΣb)^½): with
 * the features of some network, the "Fréchet inception distance" of Heusel et al. (2017), https://arxiv.org/abs/1706.08500.
 *
 * ΣaΣb is not symmetric, but has the eigenvalues of SΣbS with S = Σa^½, which is: both roots come from decompositions of
 * symmetric matrices, for which ml-matrix uses + − × ÷ and square roots only. So equal moments give equal bits on every
 * machine. Rounding moves the result by about 10⁻⁷ of the traces where a covariance is singular, and far less elsewhere.
 *
 * @returns 0 or more, in squared units of the features
 * @throws RangeError if the moments are of vectors of different sizes
 */
export function frechetDistance(a: Moments, b: Moments): number {
  const size = a.mean.length;
  if (b.mean.length !== size) throw new RangeError(`features of ${size} and of ${b.mean.length} numbers`);
  let distance = 0;
  for (let i = 0; i < size; i++) {
    const shift = (a.mean[i] as number) - (b.mean[i] as number);
    distance += shift * shift + (a.covariance[i * size + i] as number) + (b.covariance[i * size + i] as number);
  }
  const root = rootOf(Matrix.from1DArray(size, size, a.covariance));
  const product = root.mmul(Matrix.from1DArray(size, size, b.covariance)).mmul(root);
  for (const value of decomposed(product).realEigenvalues) distance -= 2 * Math.sqrt(Math.max(0, value));
  return Math.max(0, distance);
}

/** Of the products, rounding leaves two halves that differ in their last bits; one of them is read. */
function decomposed(matrix: Matrix): EigenvalueDecomposition {
  return new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
}

/** The square root of a covariance; where rounding makes an eigenvalue negative, it counts as 0. */
function rootOf(covariance: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues: values } = decomposed(covariance);
  const scaled = vectors.clone().mulRowVector(values.map((value) => Math.sqrt(Math.max(0, value))));
  return scaled.mmul(vectors.transpose());
}
