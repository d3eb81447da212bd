/**
 * The compiler's intermediate representation: an immutable graph of single-output nodes with static shapes.
 *
 * Operations keep the meaning of tfjs kernels (NHWC, numpy broadcasting) until convolutions are lowered. A graph is
 * whatever its outputs reach, so code that nothing needs disappears by construction.
 */

export type DType = 'float32' | 'int32' | 'bool';
export type Shape = readonly number[];

/** Functions applied element by element to one or more broadcastable inputs. */
export type PointwiseFunction =
  | 'abs'
  | 'add'
  | 'addN'
  | 'and'
  | 'clip'
  | 'div'
  | 'equal'
  | 'exp'
  | 'greater'
  | 'greaterEqual'
  | 'less'
  | 'lessEqual'
  | 'log'
  | 'max'
  | 'min'
  | 'mul'
  | 'neg'
  | 'not'
  | 'pow'
  | 'relu'
  | 'select'
  | 'sigmoid'
  | 'softplus'
  | 'sqrt'
  | 'sub'
  | 'tanh';

export type Reduction = 'max' | 'mean' | 'min' | 'sum';

/** One spatial axis of a convolution: `input[o·stride + tap·dilation − padBefore]` meets `filter[tap]` at `output[o]`. */
export interface ConvolutionAxis {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBefore: number;
}

/** Height and width axes. */
export type ConvolutionGeometry = readonly [ConvolutionAxis, ConvolutionAxis];

type Operation =
  | { readonly kind: 'input'; readonly name: string }
  /** Every element is `value`; booleans are 0 and 1. */
  | { readonly kind: 'constant'; readonly value: number }
  /** Different values, in row-major order. */
  | { readonly kind: 'table'; readonly values: readonly number[] }
  | { readonly kind: 'pointwise'; readonly fn: PointwiseFunction }
  | { readonly kind: 'leakyRelu'; readonly alpha: number }
  /** To the node's dtype. */
  | { readonly kind: 'cast' }
  /** Reduced axes stay, with size 1. */
  | { readonly kind: 'reduce'; readonly fn: Reduction; readonly axes: readonly number[] }
  | { readonly kind: 'reshape' }
  /** Output axis i is input axis `perm[i]`. */
  | { readonly kind: 'transpose'; readonly perm: readonly number[] }
  | { readonly kind: 'slice'; readonly begin: readonly number[]; readonly strides: readonly number[] }
  | { readonly kind: 'concat'; readonly axis: number }
  | {
      readonly kind: 'pad';
      readonly before: readonly number[];
      readonly after: readonly number[];
      readonly value: number;
    }
  /** Rows of the input [rows, ...]: result row i is input row `rows[i]`. */
  | { readonly kind: 'gather'; readonly rows: readonly number[] }
  /** To the node's shape, by numpy's rules. */
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'tile'; readonly repeats: readonly number[] }
  /** [..., m, k] × [..., k, n] → [..., m, n]. */
  | { readonly kind: 'matMul' }
  /** x [N, H, W, C], filter [kh, kw, C, K] → [N, H', W', K]. */
  | { readonly kind: 'conv2d'; readonly geometry: ConvolutionGeometry }
  /** dy [N, H', W', K], filter [kh, kw, C, K] → dx [N, H, W, C]. */
  | { readonly kind: 'conv2dBackpropInput'; readonly geometry: ConvolutionGeometry }
  /** x [N, H, W, C], dy [N, H', W', K] → [kh, kw, C, K]. */
  | { readonly kind: 'conv2dBackpropFilter'; readonly geometry: ConvolutionGeometry };

export interface Node {
  readonly op: Operation;
  readonly inputs: readonly Node[];
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface Graph {
  /** Every declared input in order, used or not. */
  readonly inputs: readonly (Node & { readonly op: { readonly kind: 'input'; readonly name: string } })[];
  readonly outputs: readonly { readonly name: string; readonly node: Node }[];
}

/** A pass maps a graph to one that computes the same. */
export type Pass = (graph: Graph) => Graph;

/** The nodes that the outputs reach, each after its inputs. The order depends only on the graph's structure. */
export function topologicalOrder(graph: Graph): Node[] {
  const order: Node[] = [];
  const entered = new Set<Node>();
  for (const { node: root } of graph.outputs) {
    // An explicit stack: a long unrolled loop would overflow a recursive walk.
    const stack: { node: Node; nextInput: number }[] = [];
    const enter = (node: Node) => {
      if (entered.has(node)) return;
      entered.add(node);
      stack.push({ node, nextInput: 0 });
    };
    enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.node.inputs[top.nextInput++];
      if (input === undefined) {
        order.push(top.node);
        stack.pop();
      } else {
        enter(input);
      }
    }
  }
  return order;
}

/**
 * Rebuilds a graph bottom-up: `rule` sees every node with its inputs already rewritten, and the node as it was, and returns its
 * replacement.
 */
export function rewrite(graph: Graph, rule: (node: Node, original: Node) => Node): Graph {
  const replacements = new Map<Node, Node>();
  const replacementOf = (node: Node): Node => {
    const replacement = replacements.get(node);
    if (replacement === undefined) throw new Error('rewrite: a node comes before its input');
    return replacement;
  };
  for (const node of topologicalOrder(graph)) {
    const inputs = node.inputs.map(replacementOf);
    const unchanged = inputs.every((input, i) => input === node.inputs[i]);
    replacements.set(node, rule(unchanged ? node : { ...node, inputs }, node));
  }
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map(({ name, node }) => ({ name, node: replacementOf(node) })),
  };
}
