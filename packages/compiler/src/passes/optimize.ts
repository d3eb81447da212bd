import type { Graph, Pass } from '../graph.ts';
import { assignLayouts } from './assign-layouts.ts';
import { commonSubexpressions } from './common-subexpressions.ts';
import type { ConvolutionForm } from '../convolution-forms.ts';
import { lowerConvolutions } from './lower-convolutions.ts';
import { lowerSelections } from './lower-selections.ts';
import { placeScales } from './place-scales.ts';
import { postponeReshapes } from './postpone-reshapes.ts';
import { shareSlopes } from './share-slopes.ts';
import { simplify } from './simplify.ts';

/** In order. Lowering leaves chains of reshapes and windows that several products share, hence the second round. */
const passes = (form: ConvolutionForm): readonly Pass[] => [
  simplify,
  commonSubexpressions,
  shareSlopes,
  lowerSelections,
  lowerConvolutions(form),
  simplify,
  commonSubexpressions,
  placeScales,
  assignLayouts,
  postponeReshapes,
  simplify,
  commonSubexpressions,
];

/** Rewrites a recorded graph into one that computes the same, faster, without convolutions. */
export const optimize = (graph: Graph, form: ConvolutionForm): Graph =>
  passes(form).reduce((current, pass) => pass(current), graph);
