import { useState } from 'react';

/** Asks for the token where the link brought none, or a wrong one. */
export function TokenForm({ refused, enter }: { refused: boolean; enter: (token: string) => void }) {
  const [text, setText] = useState('');
  return (
    <main className="lone">
      <h1>Gantry</h1>
      {refused && (
        <p role="alert" className="bad">
          The coordinator does not accept this token.
        </p>
      )}
      <p>
        Open the dashboard link that the coordinator printed, or paste the token behind <code>#token=</code> in it.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== '') enter(text.trim());
        }}
      >
        <label>
          Token <input value={text} autoComplete="off" spellCheck={false} onChange={(e) => setText(e.target.value)} />
        </label>
        <button type="submit" className="primary">
          Watch
        </button>
      </form>
    </main>
  );
}
