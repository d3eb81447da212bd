import { useEffect, useState } from 'react';
import type { Api } from './api.ts';

/** A sample grid, and a URL that lives as long as it is shown. */
export interface Picture {
  readonly epoch: number;
  readonly blob: Blob;
  readonly url: string;
}

/**
 * The sample grid of an epoch; the one before stays until it is there.
 * @param isConnected whether there is a coordinator to ask; when it comes back it is asked again
 */
export function usePicture(api: Api, epoch: number | undefined, isConnected: boolean): Picture | undefined {
  const [picture, setPicture] = useState<Picture>();
  useEffect(() => {
    if (epoch === undefined || !isConnected) return undefined;
    const outdated = new AbortController();
    api.picture(`/api/samples/${epoch}.png`, outdated.signal).then(
      (blob) => setPicture({ epoch, blob, url: URL.createObjectURL(blob) }),
      // The next grid, or the next connection, brings another try.
      () => undefined,
    );
    return () => outdated.abort();
  }, [api, epoch, isConnected]);
  useEffect(() => (picture ? () => URL.revokeObjectURL(picture.url) : undefined), [picture]);
  return picture;
}

/**
 * The grid of real images; `missing` where the run has none, undefined until that is known.
 * @param newest epoch of which there is a sample grid: real images are there before the first
 */
export function useRealPicture(
  api: Api,
  newest: number | undefined,
  isConnected: boolean,
): Pick<Picture, 'url'> | 'missing' | undefined {
  const [picture, setPicture] = useState<Pick<Picture, 'url'> | 'missing'>();
  const isThere = typeof picture === 'object';
  useEffect(() => {
    if (isThere || newest === undefined || !isConnected) return undefined;
    const outdated = new AbortController();
    api.picture('/api/samples/real.png', outdated.signal).then(
      (blob) => setPicture({ url: URL.createObjectURL(blob) }),
      // As with the others, there will be another try.
      () => {
        if (!outdated.signal.aborted) setPicture('missing');
      },
    );
    return () => outdated.abort();
  }, [api, newest, isConnected, isThere]);
  useEffect(() => (typeof picture === 'object' ? () => URL.revokeObjectURL(picture.url) : undefined), [picture]);
  return picture;
}
