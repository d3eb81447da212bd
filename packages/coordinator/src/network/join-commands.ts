import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type { JoinCommands } from '@gantry/core';
import { isLoopback } from './access-control.ts';

/** What a joining machine trusts besides the certificates of its system; people put their file there. */
const OWN_CERTIFICATES = 'ca.pem';

interface Joining {
  /** Of the coordinator, `ws://…` or `wss://…`. */
  readonly url: string;
  readonly download: { readonly path: string; readonly sha256: string };
  /** What follows `GANTRY_TOKEN=` in a POSIX shell; absent where workers find the token by themselves. */
  readonly token?: string | undefined;
  /** The certificate chain that is served, PEM. */
  readonly certificates?: string | undefined;
}

/** The commands for a machine that has Node, npm and nothing of Gantry. */
export function joinCommands({ url, download, token, certificates }: Joining): JoinCommands {
  const archive = `${url.replace(/^ws/, 'http')}${download.path}`;
  const settings: [name: string, value: string][] = [];
  if (certificates && !isPubliclyTrusted(certificates)) {
    // npm heeds the second one only where its configuration names no file, as those of companies do.
    settings.push(['npm_config_cafile', OWN_CERTIFICATES], ['NODE_EXTRA_CA_CERTS', OWN_CERTIFICATES]);
  }
  if (token !== undefined) settings.push(['GANTRY_TOKEN', token]);
  const assignments = settings.map(([name, value]) => `${name}=${value} `).join('');
  const run = `npx --yes ${archive} ${url}`;
  const isExposed = url.startsWith('ws:') && !isLoopback(new URL(url).hostname);
  return {
    shell: assignments + run,
    powershell: [...settings.map(([name, value]) => `$env:${name}='${value}'`), run].join('; '),
    ...(isExposed && {
      checked:
        `curl -fsSO ${archive} && echo "${download.sha256}  worker.tgz" | sha256sum -c && ` +
        `${assignments}npx --yes --package ./worker.tgz gantry-worker ${url}`,
    }),
  };
}

/** Whether the end of a certificate chain is, or was signed by, one of those that Node trusts by itself. */
function isPubliclyTrusted(pem: string): boolean {
  const last = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)?.at(-1);
  if (last === undefined) return false;
  const certificate = new X509Certificate(last);
  return rootCertificates.some((root) => {
    const trusted = new X509Certificate(root);
    return certificate.checkIssued(trusted) && certificate.verify(trusted.publicKey);
  });
}
