import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export function chromiumExists(): boolean {
  return existsSync(CHROMIUM);
}

/** WebGPU on the GPU in software that comes with Chromium. */
export const SOFTWARE_WEBGPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan,WebGPU',
  '--use-vulkan=swiftshader',
  '--ignore-gpu-blocklist',
];

/** @param gpu options, by default for none */
export function launchChromium(gpu: readonly string[] = ['--disable-gpu']): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-background-networking', ...gpu],
  });
}

/** What a page complained of, and whom it asked, from now on. */
export function listenTo(page: Page): { readonly complaints: string[]; readonly hosts: Set<string> } {
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    // While the coordinator is down, Chromium says so itself.
    const isExpected = /net::ERR_(CONNECTION|EMPTY)/.test(message.text());
    if (message.type() === 'error' && !isExpected) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    // Pictures are shown from memory.
    if (protocol !== 'blob:') hosts.add(host);
  });
  return { complaints, hosts };
}
