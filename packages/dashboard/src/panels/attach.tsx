import { memo, useRef, useState } from 'react';
import { Panel } from './panel.tsx';

/** How more machines join. */
export const Attach = memo(function Attach({ command }: { command: string }) {
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
      <p className="hint">
        On the coordinator&apos;s machine that is all. On another one, set <code>GANTRY_TOKEN</code> to the work token:
        the coordinator prints the whole command.
      </p>
    </Panel>
  );
});
