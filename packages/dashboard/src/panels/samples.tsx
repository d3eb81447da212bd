import type { WatchedRun } from '@gantry/core';
import { useEffect, useState } from 'react';
import { download, type Api } from '../api.ts';
import { Panel } from './panel.tsx';

const FRAME_MS = 400;

/** The sample grids: the newest one, or any other by the slider. */
export function Samples({ run, epochs, api }: { run: WatchedRun; epochs: readonly number[]; api: Api }) {
  /** Position in `epochs`; undefined follows the newest. */
  const [chosen, setChosen] = useState<number>();
  const [playing, setPlaying] = useState(false);
  const newest = epochs.length - 1;
  const position = Math.min(chosen ?? newest, newest);
  const epoch = epochs[position];
  const { url, blob } = usePicture(api, epoch);

  useEffect(() => {
    if (!playing) return undefined;
    const timer = setInterval(() => setChosen((at = -1) => (at >= newest ? 0 : at + 1)), FRAME_MS);
    return () => clearInterval(timer);
  }, [playing, newest]);

  const caption = epoch === undefined ? 'no picture yet' : epoch === 0 ? 'before training' : `after epoch ${epoch}`;
  return (
    <Panel title="Samples" area="samples" aside={<span className="hint">{caption}</span>}>
      <div className="grid-picture">
        {url !== undefined && <img src={url} alt={`Sixteen generated digits, ${caption}`} />}
      </div>
      <div className="row">
        <button type="button" aria-pressed={playing} disabled={newest < 1} onClick={() => setPlaying(!playing)}>
          {playing ? 'Pause' : 'Play'}
        </button>
        <input
          type="range"
          aria-label="Epoch"
          aria-valuetext={caption}
          min={0}
          max={Math.max(0, newest)}
          value={Math.max(0, position)}
          onChange={(event) => {
            const at = Number(event.target.value);
            setPlaying(false);
            setChosen(at === newest ? undefined : at);
          }}
        />
      </div>
      <div className="row">
        <button
          type="button"
          disabled={!blob}
          onClick={() => blob && download(blob, `${run.name}-epoch-${String(epoch).padStart(4, '0')}.png`)}
        >
          Download PNG
        </button>
        <button
          type="button"
          disabled={newest < 0}
          onClick={() => void api.picture('/api/samples.gif').then((gif) => download(gif, `${run.name}.gif`))}
        >
          Download GIF
        </button>
      </div>
    </Panel>
  );
}

/** A sample grid as a URL, which lives as long as it is shown; the one before stays until the new one is there. */
function usePicture(api: Api, epoch: number | undefined): { url?: string; blob?: Blob } {
  const [picture, setPicture] = useState<{ url: string; blob: Blob }>();
  useEffect(() => {
    if (epoch === undefined) return undefined;
    const outdated = new AbortController();
    api.picture(`/api/samples/${epoch}.png`, outdated.signal).then(
      (blob) => setPicture({ url: URL.createObjectURL(blob), blob }),
      // The next grid, or the next message after a lost connection, brings another try.
      () => undefined,
    );
    return () => outdated.abort();
  }, [api, epoch]);
  useEffect(() => {
    if (!picture) return undefined;
    return () => URL.revokeObjectURL(picture.url);
  }, [picture]);
  return picture ?? {};
}
