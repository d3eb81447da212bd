#!/usr/bin/env node
// The oldest Node that is about has to understand this file: it is there to say that it is too old.
import { existsSync } from 'fs';
import { fileURLToPath } from 'url';

const main = new URL('../dist/program/main.js', import.meta.url);
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  refuse(`this is Node ${process.versions.node}, and Gantry needs 20.19 or newer: https://nodejs.org/en/download`);
} else if (!existsSync(main)) {
  refuse(`not built yet: run "npm run build" in ${fileURLToPath(new URL('../../..', import.meta.url))}`);
} else {
  void import(main.href);
}

function refuse(why) {
  process.stderr.write(`gantry: ${why}\n`);
  process.exitCode = 1;
}
