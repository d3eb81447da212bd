import { useEffect, useMemo, useState } from 'react';
import { Api } from './api.ts';
import { watchRun } from './connection.ts';
import { Dashboard } from './dashboard.tsx';
import { TokenForm } from './panels/token-form.tsx';
import { Store, useStore } from './store.ts';
import { forgetToken, rememberToken, takeToken } from './token.ts';

/** The whole page: asks for a token until one is accepted, and shows the run then. */
export function Page() {
  const [token, setToken] = useState(takeToken);
  const store = useMemo(() => new Store(), []);
  const api = useMemo(() => (token === undefined ? undefined : new Api(token)), [token]);
  const { link, view } = useStore(store);
  const refused = link.state === 'refused';

  useEffect(() => (token !== undefined && api ? watchRun(token, api, store) : undefined), [token, api, store]);
  useEffect(() => {
    if (refused) forgetToken();
  }, [refused]);

  if (!api || refused) {
    const enter = (entered: string) => {
      rememberToken(entered);
      store.setLink({ state: 'connecting' });
      setToken(entered);
    };
    return <TokenForm refused={refused} enter={enter} />;
  }
  if (!view) {
    return (
      <main className="lone" aria-live="polite">
        <h1>Gantry</h1>
        <p>{link.state === 'lost' ? 'The coordinator cannot be reached; trying again …' : 'Connecting …'}</p>
      </main>
    );
  }
  return <Dashboard view={view} link={link} api={api} />;
}
