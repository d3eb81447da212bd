import {
  GRADIENT_NORM_CHART,
  LocalSteps,
  Synchronous,
  replicaNormReport,
  type DataPlan,
  type ModelManifest,
  type Report,
  type Scheme,
  type TrainConfig,
} from '@gantry/core';
import { reportsOf, type Trainable } from '@gantry/core/tfjs';

interface Context {
  readonly manifest: ModelManifest;
  readonly plan: DataPlan;
  /** Number of samples in the data set. */
  readonly samples: number;
  /** The network that makes pictures: its average is kept, where that is asked for. */
  readonly network: string;
}

/** What a run does round by round. @throws GantryError E_CONFIG if its local steps are too many */
export function schemeOf(config: TrainConfig, { network, ...context }: Context): Scheme {
  const { seed, optimizers, wire, flip, localSteps, localStepsFrom: fromEpoch, ema } = config;
  const average = ema === undefined ? undefined : { network, decay: ema };
  const options = { ...context, seed, optimizers, wire, flip, average };
  return localSteps === 1 ? new Synchronous(options) : new LocalSteps({ ...options, localSteps, fromEpoch });
}

/** What the steps of a run report: local steps have no gradient of the whole batch, but one of each replica. */
export function reportsIn({ localSteps, localStepsFrom }: TrainConfig, model: Trainable): Report[] {
  const reports = reportsOf(model);
  if (localSteps === 1) return reports;
  const ofModel = reports.filter(({ chart }) => chart !== GRADIENT_NORM_CHART);
  const ofReplicas = Object.keys(model.networks).map(replicaNormReport);
  return localStepsFrom > 1 ? [...reports, ...ofReplicas] : [...ofModel, ...ofReplicas];
}
