import { useState } from 'react';
import { Panel } from './panel.tsx';

/** How more machines join. */
export function Attach({ command }: { command: string }) {
  const [copied, setCopied] = useState(false);
  async function copy(): Promise<void> {
    // Only secure contexts have a clipboard; elsewhere the text is there to be marked.
    if (!('clipboard' in navigator)) return;
    await navigator.clipboard.writeText(command);
    setCopied(true);
  }
  return (
    <Panel
      title="Attach a worker"
      area="attach"
      aside={
        <button type="button" onClick={() => void copy()} aria-live="polite">
          {copied ? 'Copied' : 'Copy'}
        </button>
      }
    >
      <pre tabIndex={0}>{command}</pre>
      <p className="hint">
        On the coordinator&apos;s machine the token is found by itself. On another machine set <code>GANTRY_TOKEN</code>{' '}
        to the work token, as in the command that the coordinator printed.
      </p>
    </Panel>
  );
}
