import { imagesAfter, type DataPlan, type EpochEvaluation, type Report } from '@gantry/core';

/** Steps over which the discriminator's probabilities are averaged. */
const WINDOW = 100;
/** The mean probability of being real that real and fake samples get where the generator has nothing to learn from any more. */
const WON = { real: 0.98, fake: 0.02 };
/** … and where that is over again. */
const OVER = { real: 0.95, fake: 0.05 };
/** Entropy of the classes, as a part of the largest: with as much, all modes are there; with less than `LOST`, some are gone. */
const ALL_MODES = 0.9;
const LOST = 0.7;
/** After so many images, ten epochs of MNIST, a generator that learns draws most classes. */
const GROWN_IMAGES = 600_000;

/** What is wrong with the training of a GAN, in words. */
export interface Concern {
  readonly type: 'discriminator-won' | 'modes-lost';
  readonly cause: string;
  readonly remedy: string;
}

/** Notices when the discriminator has won, or modes are lost. */
export class Balance {
  readonly #plan: DataPlan;
  readonly #names: { readonly real: string; readonly fake: string } | undefined;
  /** Of the last steps. */
  #window: { readonly real: number; readonly fake: number }[] = [];
  #hadAllModes = false;
  readonly #concerns = new Map<Concern['type'], Concern>();

  constructor(reports: readonly Report[], plan: DataPlan) {
    this.#plan = plan;
    const nameOf = (which: Report['probabilityOfReal']) =>
      reports.find(({ probabilityOfReal }) => probabilityOfReal === which)?.name;
    const [real, fake] = [nameOf('real'), nameOf('fake')];
    this.#names = real !== undefined && fake !== undefined ? { real, fake } : undefined;
  }

  /** What is wrong at present. */
  get concerns(): readonly Concern[] {
    return [...this.#concerns.values()];
  }

  /** The run went back: what is known by then has to be told again. */
  restart(): void {
    this.#window = [];
    this.#hadAllModes = false;
    this.#concerns.clear();
  }

  /** A step is done. @param metrics what it reported, by name @returns what is wrong since now */
  stepped(metrics: Readonly<Record<string, unknown>>): Concern | undefined {
    if (!this.#names) return undefined;
    const { real: realName, fake: fakeName } = this.#names;
    this.#window.push({ real: Number(metrics[realName]), fake: Number(metrics[fakeName]) });
    if (this.#window.length > WINDOW) this.#window.shift();
    if (this.#window.length < WINDOW) return undefined;
    const mean = (which: 'real' | 'fake') => this.#window.reduce((sum, each) => sum + each[which], 0) / WINDOW;
    const [real, fake] = [mean('real'), mean('fake')];
    if (real < OVER.real || fake > OVER.fake) this.#concerns.delete('discriminator-won');
    if (!(real > WON.real && fake < WON.fake)) return undefined;
    return this.#note({
      type: 'discriminator-won',
      cause: `the discriminator tells real from generated without fail (D(real) ${real.toFixed(2)}, D(fake) ${fake.toFixed(2)} over ${WINDOW} steps), which leaves the generator little to learn from`,
      remedy: 'a lower learning rate for the discriminator, or more dropout in it, usually helps',
    });
  }

  /** An epoch was evaluated. @returns what is wrong since now */
  evaluated({ step, classEntropy, classShares }: EpochEvaluation): Concern | undefined {
    if (classEntropy === undefined || !classShares) return undefined;
    if (classEntropy >= ALL_MODES) this.#hadAllModes = true;
    const isGrown = imagesAfter(step, this.#plan) >= GROWN_IMAGES;
    const isLost = classEntropy < LOST && (this.#hadAllModes || isGrown);
    if (!isLost) {
      this.#concerns.delete('modes-lost');
      return undefined;
    }
    const largest = classShares.reduce((best, share, i) => (share > (classShares[best] ?? 0) ? i : best), 0);
    const percent = Math.round(100 * (classShares[largest] ?? 0));
    return this.#note({
      type: 'modes-lost',
      cause: `the generator draws few of the classes: ${percent}% of its pictures are of class ${largest}`,
      remedy: 'a new run with a lower learning rate or larger batches usually helps',
    });
  }

  /** @returns the concern, unless it is known already */
  #note(concern: Concern): Concern | undefined {
    const isNew = !this.#concerns.has(concern.type);
    this.#concerns.set(concern.type, concern);
    return isNew ? concern : undefined;
  }
}
