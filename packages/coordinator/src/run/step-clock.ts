/** Where the time of steps and epochs goes, apart from pauses. All in ms. */
export class StepClock {
  #stepBegin = performance.now();
  #epochBegin = this.#stepBegin;
  #applyMs = 0;

  /** The run was paused. */
  waited(ms: number): void {
    this.#stepBegin += ms;
    this.#epochBegin += ms;
  }

  /** The optimizers have made their step in a round. */
  applied(ms: number): void {
    this.#applyMs += ms;
  }

  /** A step ends, and the next one begins. */
  step(): { readonly applyMs: number; readonly totalMs: number } {
    const now = performance.now();
    const times = { applyMs: this.#applyMs, totalMs: now - this.#stepBegin };
    this.#stepBegin = now;
    this.#applyMs = 0;
    return times;
  }

  /** An epoch ends, and the next one begins. @returns what it took */
  epoch(): number {
    const now = performance.now();
    const ms = now - this.#epochBegin;
    this.#epochBegin = now;
    return ms;
  }
}
