import type { JoinCommands } from '@gantry/core';
import { memo, useRef, useState } from 'react';
import type { Api } from '../api.ts';
import { Panel } from './panel.tsx';

/** Stands for the work token until somebody wants to see that. */
const TOKEN_LEFT_OUT = '…';

const FORMS: Readonly<Record<keyof JoinCommands, string>> = {
  shell: 'Linux and macOS',
  powershell: 'PowerShell',
  checked: 'Linux, checked first',
};

/** How more machines join. */
export const Attach = memo(function Attach({
  join,
  api,
  hasEnded,
}: {
  join: JoinCommands;
  api: Api;
  hasEnded: boolean;
}) {
  const text = useRef<HTMLPreElement>(null);
  const [form, setForm] = useState<keyof JoinCommands>('shell');
  const [token, setToken] = useState<string>();
  const [answer, setAnswer] = useState('');
  const template = join[form] ?? join.shell;
  const command = token === undefined ? template : template.replace(TOKEN_LEFT_OUT, token);
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
  async function show(): Promise<void> {
    const shown = await api.workToken();
    if (shown === undefined) setAnswer('The coordinator is unreachable.');
    else setToken(shown);
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
          <select
            aria-label="Form of the command"
            value={form}
            onChange={(event) => setForm(event.target.value as keyof JoinCommands)}
          >
            {(Object.keys(FORMS) as (keyof JoinCommands)[])
              .filter((each) => join[each] !== undefined)
              .map((each) => (
                <option key={each} value={each}>
                  {FORMS[each]}
                </option>
              ))}
          </select>
          {template.includes(TOKEN_LEFT_OUT) && token === undefined && (
            <button type="button" onClick={() => void show()}>
              Show token
            </button>
          )}
          <button type="button" onClick={() => void copy()}>
            Copy
          </button>
        </div>
      }
    >
      <pre ref={text} tabIndex={0} aria-label="Command that attaches a worker">
        {command}
      </pre>
      <Hint command={command} />
      <p className="hint">
        A browser&apos;s tab can work, too, on a GPU where there is WebGPU: open the link to <a href="/join">/join</a>{' '}
        that the coordinator printed.
      </p>
    </Panel>
  );
});

function Hint({ command }: { command: string }) {
  if (!command.includes('GANTRY_TOKEN')) {
    return (
      <p className="hint">
        On this run&apos;s machine, that is all: the token is found there. Workers elsewhere need a run that listens on
        its network, <code>--listen</code>, or a tunnel.
      </p>
    );
  }
  return (
    <p className="hint">
      It needs Node and npm there, and a C compiler for its full speed
      {command.includes('ca.pem') && (
        <>
          , and <code>ca.pem</code>, the certificate that this run was started with
        </>
      )}
      . Whoever has the token can join.
    </p>
  );
}
