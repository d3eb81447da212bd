/** What draws and judges pictures: machine code or ONNX Runtime on the CPU. The two differ in rounding. */
export const PICTURE_ENGINES = ['native', 'onnx'] as const;
export type PictureEngine = (typeof PICTURE_ENGINES)[number];
