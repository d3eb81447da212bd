import type { Graph, Pass } from '../graph.ts';
import { commonSubexpressions } from './common-subexpressions.ts';
import { lowerConvolutions } from './lower-convolutions.ts';
import { lowerSelections } from './lower-selections.ts';
import { simplify } from './simplify.ts';

/** In order. Lowering leaves chains of reshapes and windows that several products share, hence the second round. */
const passes: readonly Pass[] = [
  simplify,
  commonSubexpressions,
  lowerSelections,
  lowerConvolutions,
  simplify,
  commonSubexpressions,
];

/** Rewrites a recorded graph into one that computes the same, faster, without convolutions. */
export const optimize: Pass = (graph: Graph) => passes.reduce((current, pass) => pass(current), graph);
