/** How a reported number is shown. */
export interface Report {
  /** As in metrics.jsonl: camel case. */
  readonly name: string;
  /** Title of the chart that shows it; reports of one chart share it. */
  readonly chart: string;
  /** Its curve's name there. */
  readonly label: string;
  /** Ends of the chart's vertical axis; absent: as the values are. */
  readonly limits?: { readonly min?: number; readonly max?: number };
  /** Of a GAN's discriminator: it is the mean probability of being real that it gives to real samples, or to fake ones. */
  readonly probabilityOfReal?: 'real' | 'fake';
}

/** The chart of all gradient norms. */
export const GRADIENT_NORM_CHART = 'Gradient norm';

/** What a step reports of each network that is updated: the Euclidean norm of its mean gradient. */
export function gradientNormReport(network: string): Report {
  return { name: `${network}GradNorm`, chart: GRADIENT_NORM_CHART, label: network };
}

/** What a local step reports of each network that is updated: the norm of a replica's mean gradient, averaged over the replicas. */
export function replicaNormReport(network: string): Report {
  return {
    name: `${network}ReplicaGradNorm`,
    chart: GRADIENT_NORM_CHART,
    label: `${network} (mean of replicas)`,
  };
}
