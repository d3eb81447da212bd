import { useEffect, useState } from 'react';
import { TokenForm } from '../panels/token-form.tsx';
import { forgetToken, rememberToken, takeToken } from '../token.ts';
import type { TabDevice } from './messages.ts';
import { Tab } from './tab.tsx';

/** Where the token to work is kept; that of the dashboard is another one. */
const KEY = 'gantry.work-token';
const DEVICE_KEY = 'gantry.tab-device';

/** Makes the tab a worker of the run: asks for a token until one is accepted. */
export function JoinPage() {
  const [device] = useState(takeDevice);
  const [token, setToken] = useState(() => takeToken(KEY));
  const [refused, setRefused] = useState(false);

  useEffect(() => {
    // A link that is pasted where the page is open already changes the fragment alone.
    const look = () => setToken((before) => takeToken(KEY) ?? before);
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, []);

  if (!isSecureContext) return <Insecure />;
  if (token === undefined) {
    return (
      <TokenForm
        refused={refused}
        enter={(entered) => {
          rememberToken(KEY, entered);
          setRefused(false);
          setToken(entered);
        }}
        action="Join"
        hint={
          <>
            The coordinator printed the link with the command that attaches workers; the token is{' '}
            <code>work.token</code> in the run directory.
          </>
        }
      >
        Open the link that lets a browser join, or paste it here: this tab will compute for the run.
      </TokenForm>
    );
  }
  return (
    <Tab
      key={token}
      token={token}
      device={device}
      onRefused={() => {
        forgetToken(KEY);
        setRefused(true);
        setToken(undefined);
      }}
    />
  );
}

/** The device that the link asks for, `…&device=wasm`; kept for a reload. */
function takeDevice(): TabDevice | undefined {
  const [, fragment = ''] = location.href.split('#', 2);
  const device = new URLSearchParams(fragment).get('device') ?? sessionStorage.getItem(DEVICE_KEY);
  if (device !== 'webgpu' && device !== 'wasm') return undefined;
  sessionStorage.setItem(DEVICE_KEY, device);
  return device;
}

/** Browsers keep cryptography, shared memory and GPUs from pages that came by plain http from another machine. */
function Insecure() {
  const { port, hostname } = location;
  return (
    <main className="lone">
      <h1>Gantry</h1>
      <p role="alert" className="notice bad">
        <strong>A browser lets no page compute that came by http from another machine.</strong>
      </p>
      <p>Either start the coordinator with a certificate and open this page by https:</p>
      <pre>gantry coordinator --listen :{port} --tls-cert cert.pem --tls-key key.pem</pre>
      <p>or let a tunnel bring it here, and open it as http://localhost:{port}/join:</p>
      <pre>
        ssh -L {port}:127.0.0.1:{port} {hostname}
      </pre>
    </main>
  );
}
