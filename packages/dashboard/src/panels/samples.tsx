import type { WatchedRun } from '@gantry/core';
import { memo, useEffect, useState, type SyntheticEvent } from 'react';
import { download, type Api } from '../api.ts';
import { usePicture, useRealPicture, type Picture } from '../picture.ts';
import { Panel } from './panel.tsx';

const FRAME_MS = 350;

/** The sample grids: the newest one, or any other by the slider. */
export const Samples = memo(function Samples({
  name,
  epochs,
  api,
  isConnected,
}: {
  name: WatchedRun['name'];
  epochs: readonly number[];
  api: Api;
  isConnected: boolean;
}) {
  /** Position in `epochs`; undefined follows the newest. */
  const [chosen, setChosen] = useState<number>();
  const [playing, setPlaying] = useState(false);
  const [failure, setFailure] = useState('');
  const newest = epochs.length - 1;
  const position = Math.min(chosen ?? newest, newest);
  const newestEpoch = epochs[newest];
  const picture = usePicture(api, epochs[position], isConnected);
  const real = useRealPicture(api, newestEpoch, isConnected);

  // The next picture is asked for once this one is there: over a slow connection, none would ever come.
  const isShown = picture !== undefined && picture.epoch === epochs[position];
  useEffect(() => {
    if (!playing || !isShown) return undefined;
    const timer = setTimeout(() => setChosen(choiceOf(position >= newest ? 0 : position + 1, newest)), FRAME_MS);
    return () => clearTimeout(timer);
  }, [playing, isShown, position, newest]);

  async function downloadGif(): Promise<void> {
    setFailure('');
    try {
      download(await api.picture('/api/samples.gif'), `${name}.gif`);
    } catch {
      setFailure('The animation could not be fetched.');
    }
  }

  // Until that is known it is expected, so that its place is there.
  const hasReal = newestEpoch !== undefined && real !== 'missing';
  const caption = captionOf(picture?.epoch, newestEpoch);
  return (
    <Panel title="Samples" area="samples" aside={<span className="hint">{caption}</span>}>
      <div className="grid-pictures">
        <figure className="grid-picture">
          {picture ? (
            <img src={picture.url} alt={`Sixteen generated pictures, ${caption}`} onLoad={noteSize} />
          ) : (
            <p>The first picture comes before the first step.</p>
          )}
          {hasReal && <figcaption>generated</figcaption>}
        </figure>
        {hasReal && (
          <figure className="grid-picture">
            {real?.url !== undefined && <img src={real.url} alt="Real images, to compare with" onLoad={noteSize} />}
            <figcaption>real</figcaption>
          </figure>
        )}
      </div>
      <div className="row">
        <button
          type="button"
          className="play"
          aria-pressed={playing}
          disabled={newest < 1}
          onClick={() => setPlaying(!playing)}
        >
          {playing ? 'Halt' : 'Play'}
        </button>
        <input
          type="range"
          aria-label="Epoch"
          aria-valuetext={captionOf(epochs[position], newestEpoch)}
          min={0}
          max={Math.max(0, newest)}
          value={Math.max(0, position)}
          disabled={newest < 1}
          onChange={(event) => {
            setPlaying(false);
            setChosen(choiceOf(Number(event.target.value), newest));
          }}
        />
      </div>
      <div className="row">
        <button
          type="button"
          disabled={!picture}
          onClick={() => picture && download(picture.blob, `${name}-${pictureName(picture)}`)}
        >
          Download PNG
        </button>
        <button type="button" disabled={newest < 0} onClick={() => void downloadGif()}>
          Download GIF
        </button>
        <span role="status" className="bad">
          {failure}
        </span>
      </div>
      <p className="hint">The same sixteen noise vectors throughout.</p>
    </Panel>
  );
});

/** Models have pictures of different sizes: their width is rounded by that of the grid. */
function noteSize({ currentTarget }: SyntheticEvent<HTMLImageElement>): void {
  currentTarget.style.setProperty('--eighth', `${currentTarget.naturalWidth / 8}px`);
}

/** A position in the list of epochs, as a choice: the last one follows the newest. */
function choiceOf(position: number, newest: number): number | undefined {
  return position === newest ? undefined : position;
}

function captionOf(epoch: number | undefined, newest: number | undefined): string {
  if (epoch === undefined) return 'none yet';
  if (epoch === 0) return 'before training';
  return `after epoch ${epoch}${epoch === newest ? ', the newest' : ''}`;
}

/** As in the run directory. */
function pictureName({ epoch }: Picture): string {
  return `epoch-${String(epoch).padStart(4, '0')}.png`;
}
