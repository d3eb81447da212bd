import * as tf from '@tensorflow/tfjs-core';
import { input } from '../build.ts';
import { CompileError } from '../errors.ts';
import type { DType, Graph, Shape } from '../graph.ts';
import { supportedDType } from '../kernels/kernel.ts';
import { kernelTable } from '../kernels/table.ts';
import { at } from '../shapes.ts';
import { Recorder } from './recorder.ts';

/** Appended to a variable's name to name the output that holds its new value. */
export const ASSIGNED_SUFFIX = ':assigned';

const BACKEND_NAME = 'gantry-recorder';

export type TracedFunction = (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

type Owner = NonNullable<ReturnType<ReturnType<typeof tf.engine>['state']['tensorInfo']['get']>>;

/** tfjs's record of which backend holds a tensor. It asks the recorder for tensors from outside too, which refuses to read. */
class Ownership extends WeakMap<object, Owner> {
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    super();
    this.#recorder = recorder;
  }

  override get(dataId: object): Owner {
    return super.get(dataId) ?? { backend: this.#recorder, bytes: 0, dtype: 'float32', shape: [] };
  }
}

/**
 * Runs `body` with `recorder` as tfjs's backend and a blank engine state (tensors, scopes, tape, variables), and puts
 * both back whatever happens: nothing that `body` does is seen by the rest of the program.
 */
function isolated<T>(recorder: Recorder, body: (engine: ReturnType<typeof tf.engine>) => T): T {
  const engine = tf.engine();
  const { state, backendName } = engine;
  if (backendName === BACKEND_NAME) throw new Error('compile was called by the function that it compiles');
  for (const [kernelName, kernel] of Object.entries(kernelTable)) {
    tf.registerKernel({ kernelName, backendName: BACKEND_NAME, kernelFunc: recorder.kernelFunc(kernel) });
  }
  tf.registerBackend(BACKEND_NAME, () => recorder);
  // tfjs does not export the class of its state.
  engine.state = Reflect.construct(state.constructor, []);
  engine.state.tensorInfo = new Ownership(recorder);
  try {
    // Selecting a backend that needs no initialisation takes effect before the promise is returned.
    void tf.setBackend(BACKEND_NAME);
    return body(engine);
  } finally {
    engine.state = state;
    tf.removeBackend(BACKEND_NAME);
    if (backendName) void tf.setBackend(backendName);
    for (const kernelName of Object.keys(kernelTable)) tf.unregisterKernel(kernelName, BACKEND_NAME);
  }
}

/** tfjs reports a kernel that a backend lacks by a plain Error with this message. */
function namingUnsupportedKernel<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const missing = error instanceof Error && /^Kernel '(.+)' not registered for backend/.exec(error.message)?.[1];
    if (!missing) throw error;
    throw new CompileError('unsupported-kernel', `the tfjs kernel '${missing}' is not supported`, { cause: error });
  }
}

/**
 * Records `fn` as a graph. Variables become inputs after the declared ones; those that `fn` assigns become outputs named
 * `${name}${ASSIGNED_SUFFIX}` after the returned ones.
 *
 * @throws CompileError
 */
export function trace(
  fn: TracedFunction,
  inputs: Readonly<Record<string, { shape: Shape; dtype?: DType }>>,
  variables: Readonly<Record<string, tf.Variable>>,
): Graph {
  const recorder = new Recorder();
  const placeholders = Object.entries(inputs).map(([name, { shape, dtype = 'float32' }]) => input(name, shape, dtype));
  const declared = Object.entries(variables).map(([name, variable]) => {
    return { name, variable, node: input(name, variable.shape, supportedDType(variable.dtype)) };
  });
  const reachable = new Set([...Object.values(tf.engine().registeredVariables), ...Object.values(variables)]);
  const dataIds = new Map([...reachable].map((variable) => [variable, variable.dataId]));
  try {
    return isolated(recorder, (engine) => {
      const symbolic = new Map<tf.Variable, tf.DataId>();
      for (const { variable, node } of declared) {
        // The variable keeps its identity, which tf.variableGrads needs, and stands for its node during the trace.
        variable.dataId = recorder.handle(node).dataId;
        symbolic.set(variable, variable.dataId);
        engine.incRef(variable, recorder);
        engine.registeredVariables[variable.name] = variable;
      }
      const tensors = placeholders.map((node) => engine.makeTensorFromTensorInfo(recorder.handle(node)));
      const results = namingUnsupportedKernel(() =>
        tf.tidy('compile', () => fn(Object.fromEntries(placeholders.map(({ op }, i) => [op.name, at(tensors, i)])))),
      );
      const outputs = Object.entries(results).map(([name, tensor]) => ({ name, node: recorder.nodeOf(tensor) }));
      for (const variable of reachable) {
        if (symbolic.has(variable) || variable.dataId === dataIds.get(variable)) continue;
        throw new CompileError(
          'captured-tensor',
          `the traced function assigns to the undeclared variable '${variable.name}'`,
        );
      }
      for (const { name, variable } of declared) {
        if (variable.dataId === symbolic.get(variable)) continue;
        outputs.push({ name: name + ASSIGNED_SUFFIX, node: recorder.nodeOf(variable) });
      }
      return { inputs: [...placeholders, ...declared.map(({ node }) => node)], outputs };
    });
  } finally {
    for (const [variable, dataId] of dataIds) variable.dataId = dataId;
  }
}
