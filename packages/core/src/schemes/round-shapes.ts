import { phaseAt, roundsPerStep, type ModelManifest } from '../model/manifest.ts';
import { contributionLayout } from '../training/contribution.ts';
import { isLocalRound, type TrainingSpec, type VectorShape } from '../training/training-spec.ts';
import { localContributionLayout, replicaLayout } from './local-layout.ts';

/** What travels in each round; both ends of a connection know it. */
export class RoundShapes {
  readonly spec: TrainingSpec;
  readonly manifest: ModelManifest;
  readonly #byKey = new Map<string, VectorShape>();

  constructor(manifest: ModelManifest, spec: TrainingSpec) {
    this.manifest = manifest;
    this.spec = spec;
  }

  isLocal(round: number): boolean {
    return isLocalRound(this.spec, round);
  }

  /** Of what the units of a round are computed from. */
  published(round: number): VectorShape {
    if (this.isLocal(round)) return this.#kept('replica', () => replicaLayout(this.#recipe));
    const { trainableSize } = this.manifest;
    return { length: trainableSize, compact: trainableSize };
  }

  /** Of a unit's contribution, and of every sum of them. */
  contribution(round: number): VectorShape {
    if (this.isLocal(round)) {
      return this.#kept('local', () => localContributionLayout(this.#recipe, this.spec.localSteps));
    }
    const phase = phaseAt(this.manifest, round % roundsPerStep(this.manifest));
    return this.#kept(`phase ${phase.name}`, () => {
      const { length, gradients } = contributionLayout(this.manifest, phase);
      return { length, compact: Object.values(gradients).reduce((sum, { size }) => sum + size, 0) };
    });
  }

  get #recipe() {
    return { manifest: this.manifest, optimizers: this.spec.optimizers };
  }

  #kept(key: string, shapeOf: () => VectorShape): VectorShape {
    const shape = this.#byKey.get(key) ?? shapeOf();
    this.#byKey.set(key, shape);
    return shape;
  }
}
