import { memo, useRef, useState } from 'react';
import { Panel } from './panel.tsx';

/** The work token is left out of the command, where it takes one: who watches need not have it. */
const TOKEN_LEFT_OUT = 'GANTRY_TOKEN=…';

/** How more machines join. */
export const Attach = memo(function Attach({ command, hasEnded }: { command: string; hasEnded: boolean }) {
  const text = useRef<HTMLPreElement>(null);
  const [answer, setAnswer] = useState('');
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(command);
      setAnswer('Copied.');
    } catch {
      // Only secure contexts have a clipboard, and people may refuse.
      if (text.current) getSelection()?.selectAllChildren(text.current);
      setAnswer('Marked: press Ctrl+C.');
    }
  }
  if (hasEnded) {
    return (
      <Panel title="Attach a worker" area="attach">
        <p className="hint">The run has ended. Once it is resumed, workers can join it.</p>
      </Panel>
    );
  }
  return (
    <Panel
      title="Attach a worker"
      area="attach"
      aside={
        <div className="row">
          <span role="status" className="hint">
            {answer}
          </span>
          <button type="button" onClick={() => void copy()}>
            Copy
          </button>
        </div>
      }
    >
      <pre ref={text} tabIndex={0} aria-label="Command that attaches a worker">
        {command}
      </pre>
      {command.includes(TOKEN_LEFT_OUT) ? (
        <p className="hint">
          Put the work token in the place of <code>…</code>: the coordinator printed it with this command, and it is{' '}
          <code>work</code> in <code>tokens.json</code> of the run directory.
        </p>
      ) : (
        <p className="hint">
          On this run&apos;s machine, that is all: the token is found there. Workers elsewhere need a coordinator that
          listens on its network, <code>gantry coordinator --listen</code>, or a tunnel.
        </p>
      )}
      <p className="hint">
        A browser&apos;s tab can work, too, on a GPU where there is WebGPU: open the link to <a href="/join">/join</a>{' '}
        that the coordinator printed.
      </p>
    </Panel>
  );
});
