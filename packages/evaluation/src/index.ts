export { Evaluator, type EvaluationRequest, type EvaluatorSource } from './evaluator.ts';
export { EvaluatorThread } from './evaluator-thread.ts';
export { mnistFeatures } from './features/feature-extractor.ts';
export { PICTURE_ENGINES, type PictureEngine } from './picture-engines.ts';
export { PictureRenderer, type GeneratorNumbers, type PicturePlace } from './pictures/picture-renderer.ts';
export { compileGenerator, pictureSource, type PictureSource } from './pictures/picture-source.ts';
export type { Pictures } from './pictures/pictures.ts';
export { realPictures } from './pictures/real-pictures.ts';
export { noisePictures, openExamination, type Examination, type Findings } from './examination.ts';
