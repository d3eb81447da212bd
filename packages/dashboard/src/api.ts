import type { Control, ControlResult, WatchedHistory, WatchedMetrics } from '@gantry/core';

/** A coordinator that does not answer in that time counts as unreachable. */
const ANSWER_MS = 5000;

/** The coordinator's REST interface, with the token of this page. */
export class Api {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Whether the token is accepted; undefined if the coordinator cannot be reached. */
  async isAccepted(): Promise<boolean | undefined> {
    try {
      const response = await this.#fetch('/api/history?points=2', { signal: AbortSignal.timeout(ANSWER_MS) });
      if (response.ok) return true;
      return response.status === 401 || response.status === 403 ? false : undefined;
    } catch {
      return undefined;
    }
  }

  /** The steps of a range, downsampled to at most `points`. */
  async history(from: number, to: number, points: number, signal: AbortSignal): Promise<readonly WatchedMetrics[]> {
    const response = await this.#fetch(`/api/history?from=${from}&to=${to}&points=${points}`, { signal });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const { metrics } = (await response.json()) as WatchedHistory;
    return metrics;
  }

  /** A picture; the caller makes URLs of it. */
  async picture(path: string, signal?: AbortSignal): Promise<Blob> {
    const response = await this.#fetch(path, signal ? { signal } : {});
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return response.blob();
  }

  /** Lets a worker join; undefined if it cannot be had now. */
  async workToken(): Promise<string | undefined> {
    try {
      const response = await this.#fetch('/api/work-token', { signal: AbortSignal.timeout(ANSWER_MS) });
      return response.ok ? ((await response.json()) as { token: string }).token : undefined;
    } catch {
      return undefined;
    }
  }

  async control(control: Control): Promise<ControlResult> {
    try {
      const response = await this.#fetch('/api/control', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(control),
      });
      const { ok = false, message } = (await response.json()) as Partial<ControlResult>;
      return { ok, message: message ?? `HTTP status ${response.status}` };
    } catch {
      return { ok: false, message: 'The coordinator is unreachable.' };
    }
  }

  #fetch(path: string, init?: RequestInit): Promise<Response> {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${this.#token}`);
    return fetch(path, { ...init, headers });
  }
}

/** Saves a picture under a name. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
