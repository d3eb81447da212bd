import { useCallback, useEffect, useMemo, useState } from 'react';
import { Api } from './api.ts';
import { watchRun } from './connection.ts';
import { Dashboard } from './dashboard.tsx';
import { TokenForm } from './panels/token-form.tsx';
import { Store, useStore } from './store.ts';
import { forgetToken, rememberToken, takeToken } from './token.ts';

/** Where the token to watch and control is kept. */
const KEY = 'gantry.token';

/** The whole page: asks for a token until one is accepted, and shows the run then. */
export function Page() {
  const [token, setToken] = useState(() => takeToken(KEY));
  const store = useMemo(() => new Store(), []);
  const api = useMemo(() => (token === undefined ? undefined : new Api(token)), [token]);
  const { link, view } = useStore(store);
  const refused = link.state === 'refused';

  useEffect(() => (token !== undefined && api ? watchRun(token, api, store) : undefined), [token, api, store]);
  useEffect(() => {
    if (!refused) return;
    forgetToken(KEY);
    setToken(undefined);
  }, [refused]);

  const enter = useCallback(
    (entered: string | undefined) => {
      if (entered === undefined) return;
      rememberToken(KEY, entered);
      store.setLink({ state: 'connecting' });
      setToken(entered);
    },
    [store],
  );
  useEffect(() => {
    // A link that is pasted where the page is open already changes the fragment alone.
    const look = () => enter(takeToken(KEY));
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, [enter]);

  if (!api || refused) {
    return (
      <TokenForm
        refused={refused}
        enter={enter}
        action="Watch"
        hint={
          <>
            A resumed run keeps its token: <code>control.token</code> in the run directory.
          </>
        }
      >
        Open the dashboard link that the coordinator printed, or paste it here.
      </TokenForm>
    );
  }
  if (!view) {
    return (
      <main className="lone" aria-live="polite">
        <h1>Gantry</h1>
        <p>{link.state === 'lost' ? 'The coordinator is unreachable; trying again …' : 'Connecting …'}</p>
      </main>
    );
  }
  return <Dashboard view={view} link={link} api={api} />;
}
