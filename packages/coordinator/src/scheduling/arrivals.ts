/** What a run without workers waits for. */
export interface Wait {
  /** `nobody`: for somebody to attach a worker. */
  readonly for: 'compiling' | 'starting' | 'nobody';
  readonly cause: string;
  /** Absent where there is nothing to do. */
  readonly remedy?: string;
}

/** A worker that was let in and is not ready. */
export interface Newcomer {
  readonly name: string;
  readonly engine: string;
}

/** More are counted, not named. */
const NAMED = 3;

/** Workers on their way to a run, and how others can come. */
export class Arrivals {
  readonly #newcomers = new Set<Newcomer>();
  #joinCommand = '';
  #ownWorkers: (() => number) | undefined;
  #anyCame = false;

  /**
   * @param joinCommand attaches a worker; without a token
   * @param ownWorkers how many workers that the run starts itself are running or starting; absent: it starts none
   */
  openTo(joinCommand: string, ownWorkers: (() => number) | undefined): void {
    this.#joinCommand = joinCommand;
    this.#ownWorkers = ownWorkers;
  }

  begin(newcomer: Newcomer): void {
    this.#newcomers.add(newcomer);
  }

  /** It is ready, or gone. */
  end(newcomer: Newcomer): void {
    this.#newcomers.delete(newcomer);
  }

  /** A worker is ready for work. */
  came(): void {
    this.#anyCame = true;
  }

  /** What is waited for where no worker is ready. */
  get wait(): Wait {
    if (this.#newcomers.size > 0) return { for: 'compiling', cause: compiling([...this.#newcomers]) };
    if (this.#ownWorkers && this.#ownWorkers() > 0) {
      return { for: 'starting', cause: 'the workers of this machine are starting' };
    }
    const cause = this.#anyCame ? 'no worker is left' : 'no worker has joined yet';
    const remedy = this.#ownWorkers
      ? 'stop the run and resume it: that starts its workers again'
      : `attach one with: ${this.#joinCommand}`;
    return { for: 'nobody', cause, remedy };
  }
}

/** Only the native engine compiles the model itself; the others get it compiled. */
function compiling(newcomers: readonly Newcomer[]): string {
  const compilers = newcomers.filter(({ engine }) => engine === 'native');
  const [busy, verb] = compilers.length > 0 ? [compilers, 'compile'] : [newcomers, 'load'];
  const names = busy.slice(0, NAMED).map(({ name }) => name);
  if (busy.length > NAMED) names.push(`${busy.length - NAMED} more`);
  return `${names.join(' and ')} ${verb}${busy.length === 1 ? 's' : ''} the model`;
}
