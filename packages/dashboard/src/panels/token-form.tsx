import { useState, type ReactNode } from 'react';
import { tokenIn } from '../token.ts';

/** Asks for the token where the link brought none, or a wrong one. */
export function TokenForm({
  refused,
  enter,
  action,
  hint,
  children,
}: {
  refused: boolean;
  enter: (token: string) => void;
  /** What the token is entered for. */
  action: string;
  /** Where else the token is found. */
  hint: ReactNode;
  /** What to do. */
  children: ReactNode;
}) {
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
      <p>{children}</p>
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
          {action}
        </button>
      </form>
      <p className="hint">{hint}</p>
    </main>
  );
}
