import { useState } from 'react';
import { tokenIn } from '../token.ts';

/** Asks for the token where the link brought none, or a wrong one. */
export function TokenForm({ refused, enter }: { refused: boolean; enter: (token: string) => void }) {
  const [text, setText] = useState('');
  const token = tokenIn(text) ?? text.trim();
  return (
    <main className="lone">
      <h1>Gantry</h1>
      {refused && (
        <p role="alert" className="notice bad">
          The coordinator does not accept this token.
        </p>
      )}
      <p>Open the dashboard link that the coordinator printed, or paste it here.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token !== '') enter(token);
        }}
      >
        <label>
          Token or link
          <input
            type="password"
            value={text}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <button type="submit" className="primary" disabled={token === ''}>
          Watch
        </button>
      </form>
      <p className="hint">
        A resumed run keeps its token: <code>control</code> in <code>tokens.json</code> of the run directory.
      </p>
    </main>
  );
}
