import type { WatchMessage, WatchSnapshot } from '@gantry/core';
import { useSyncExternalStore } from 'react';
import { extended } from './history.ts';
import { LinkUses, type ShownWorker } from './link-use.ts';

const MAX_EVENTS = 500;
const MAX_TIMELINE = 20;
const MAX_EVALUATIONS = 2000;

/** What is known of the run, apart from the connection; undefined before the first message. */
export type RunView = Omit<WatchSnapshot, 'type'>;

/** … and what the messages tell together. */
export interface ShownRun extends RunView {
  readonly workers: readonly ShownWorker[];
}

/** How the page stands to the coordinator. */
export interface Link {
  readonly state: 'connecting' | 'open' | 'lost' | 'refused';
}

export interface PageState {
  readonly link: Link;
  readonly view: ShownRun | undefined;
}

/** What a message makes of what was known. */
export function applied(view: RunView | undefined, message: WatchMessage): RunView | undefined {
  const { type, ...news } = message;
  if (type === 'snapshot') return news;
  if (!view) return undefined;
  const { run, workers, stalls, concerns } = news;
  // They do not change while a run goes on: the same list, so that charts need not be drawn again.
  const { reports } = view.run;
  return {
    run: { ...run, reports },
    workers,
    stalls,
    concerns,
    metrics: news.metrics.length > 0 ? extended(view.metrics, news.metrics) : view.metrics,
    events: joined(view.events, news.events, MAX_EVENTS),
    timeline: joined(view.timeline, news.timeline, MAX_TIMELINE),
    samples: joined(view.samples, news.samples, Infinity),
    evaluations: joined(view.evaluations, news.evaluations, MAX_EVALUATIONS),
  };
}

/** The same list if nothing is new, so that what shows it need not be drawn again. */
function joined<T>(old: readonly T[], added: readonly T[], limit: number): readonly T[] {
  if (added.length === 0) return old;
  const all = [...old, ...added];
  return all.length > limit ? all.slice(-limit) : all;
}

/** Holds the state of the page and tells React when it changes. */
export class Store {
  #state: PageState = { link: { state: 'connecting' }, view: undefined };
  readonly #linkUses = new LinkUses();
  readonly #listeners = new Set<() => void>();

  readonly get = (): PageState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  setLink(link: Link): void {
    this.#set({ ...this.#state, link });
  }

  receive(message: WatchMessage): void {
    const view = applied(this.#state.view, message);
    const workers = this.#linkUses.observed(view?.workers ?? [], performance.now());
    this.#set({ ...this.#state, view: view && { ...view, workers } });
  }

  #set(state: PageState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export function useStore(store: Store): PageState {
  return useSyncExternalStore(store.subscribe, store.get);
}
