import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { withToken } from '@gantry/cli/bench';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { opensslExists, selfSigned } from './support/certificate.ts';
import { chromiumExists, launchChromium, listenTo } from './support/chromium.ts';
import { Dashboard } from './support/dashboard.ts';
import { Gantry, temporaryDirectory } from './support/gantry.ts';
import { isProvided } from './support/requirements.ts';

const RUN = ['--epochs', '5000', '--limit', '64', '--batch', '32', '--shard-size', '16'];

const hasOpenssl = isProvided('openssl', opensslExists);
const hasChromium = isProvided('chromium', chromiumExists);

describe.skipIf(!hasOpenssl)(`the dashboard with TLS${hasOpenssl ? '' : ' (skipped: openssl is absent)'}`, () => {
  let link: string;
  let ca: string;

  beforeAll(async () => {
    const directory = temporaryDirectory();
    const { certificate, key } = selfSigned(directory, '127.0.0.1');
    ca = readFileSync(certificate, 'utf8');
    const tls = ['--tls-cert', certificate, '--tls-key', key];
    const run = join(directory, 'run');
    const coordinator = new Gantry(['coordinator', '--listen', '127.0.0.1:0', ...RUN, ...tls, '--run', run]);
    const [, dashboard = ''] = await coordinator.output(/dashboard: (https:.*)/);
    link = withToken(dashboard);
    const url = new URL(link).origin.replace('https', 'wss');
    const worker = new Gantry(['worker', url, '--tls-ca', certificate, '--threads', '1', '--name', 'first']);
    await worker.output(/joined run/);
  });

  it('tells a client that trusts the certificate how the run goes', async () => {
    const watcher = new Dashboard(link, ca).watch();
    const snapshot = await watcher.next();
    const { origin } = new URL(link);
    const archive = /https:\S+/.exec(snapshot.run.join.shell)?.[0];
    expect(snapshot).toMatchObject({
      type: 'snapshot',
      run: {
        join: {
          shell: `npm_config_cafile=ca.pem NODE_EXTRA_CA_CERTS=ca.pem npx --yes ${archive} ${origin.replace('https', 'wss')}`,
        },
      },
    });
    let { step } = snapshot.run;
    // Each update goes on where the message before ended.
    for (let updates = 0; updates < 3;) {
      const { type, metrics } = await watcher.next();
      expect(type).toBe('update');
      expect(metrics.map((line) => line.step)).toEqual(metrics.map((_, i) => step + 1 + i));
      step += metrics.length;
      if (metrics.length > 0) updates++;
    }
  });

  it('refuses a wrong token, and is refused by a client that does not know the certificate', async () => {
    const url = `${new URL(link).origin.replace('https', 'wss')}/watch`;
    const wrong = new WebSocket(url, ['gantry', 'gantry.token.wrong'], { ca });
    const [, response] = (await once(wrong, 'unexpected-response')) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(401);
    response.destroy();
    const [error] = (await once(new WebSocket(url), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it.skipIf(!hasChromium)(
    `shows and steers the run in a browser${hasChromium ? '' : ' (skipped: chromium is absent)'}`,
    async () => {
      const browser = await launchChromium();
      const page = await browser.newPage({ ignoreHTTPSErrors: true });
      const { complaints, hosts } = listenTo(page);
      const response = await page.goto(link);
      const policy = response?.headers()['content-security-policy'] ?? '';
      expect(policy.split('; ')).toEqual(
        expect.arrayContaining(["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'"]),
      );
      // WebAssembly is no text that a page could be made to run.
      expect(policy.replace("'wasm-unsafe-eval'", '')).not.toContain('unsafe');
      const state = page.locator('header .state');
      await state.getByText('training').waitFor();
      await page.getByAltText(/Sixteen generated pictures/).waitFor();
      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
      await page.getByRole('status').getByText('The run pauses after the step under way').waitFor();
      await state.getByText('paused').waitFor();
      expect(await page.evaluate(() => isSecureContext)).toBe(true);
      expect([complaints, [...hosts]]).toEqual([[], [new URL(link).host]]);
      await browser.close();
    },
  );
});
