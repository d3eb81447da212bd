/**
 * How convolutions are computed: by multiplications with every tap in many small products (`direct`) or in one product over
 * copies of all patches (`patches`, also called im2col), by products of frequencies wherever there is such a form (`spectral`),
 * or as whichever of `direct` and `spectral` takes fewer multiplications (`fastest`).
 */
export const CONVOLUTION_FORMS = ['direct', 'patches', 'spectral', 'fastest'] as const;
export type ConvolutionForm = (typeof CONVOLUTION_FORMS)[number];
