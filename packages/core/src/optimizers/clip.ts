/**
 * By what a gradient is multiplied so that its norm is at most `clipNorm`: the rescaling of Pascanu, Mikolov and Bengio (2013),
 * by the norm over all of a network's parameters, Keras' `global_clipnorm`.
 * Optimizers multiply by it in float32: a norm may exceed `clipNorm` by a rounding, 2⁻²³ of it, unless the product of this factor
 * and the scale is below 2⁻¹²⁶, where float32 has fewer digits.
 * @param norm the mean gradient's Euclidean norm, finite
 * @param clipNorm more than 0
 * @returns min(1, clipNorm / norm), of which IEEE 754 fixes every bit
 */
export function clipFactor(norm: number, clipNorm: number): number {
  return norm > clipNorm ? clipNorm / norm : 1;
}
