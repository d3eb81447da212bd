/**
 * By what a gradient is multiplied so that its norm is at most `clipNorm`: the rescaling of Pascanu, Mikolov and Bengio
 * (2013), by the norm over all of a network's parameters, which Keras calls `global_clipnorm`. Optimizers multiply in
 * float32, after which the norm may exceed `clipNorm` by roundings, a few 2⁻²⁴ of it, or more where the product of this
 * factor and the scale is below 2⁻¹²⁶: float32 has fewer digits there.
 * @param norm the mean gradient's Euclidean norm, finite
 * @param clipNorm more than 0
 * @returns min(1, clipNorm / norm), of which IEEE 754 fixes every bit
 */
export function clipFactor(norm: number, clipNorm: number): number {
  return norm > clipNorm ? clipNorm / norm : 1;
}
