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
