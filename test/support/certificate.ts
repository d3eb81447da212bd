import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

export function opensslExists(): boolean {
  return spawnSync('openssl', ['version']).status === 0;
}

/** Files in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate that signs itself, made as the documentation says. @param address IP address that it is for */
export function selfSigned(directory: string, address: string): Certificate {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'ca.pem')];
  const how = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=trainer';
  const files = ['-addext', `subjectAltName=IP:${address}`, '-keyout', key, '-out', certificate];
  execFileSync('openssl', [...how.split(' '), ...files], { stdio: 'ignore' });
  return { certificate, key };
}
