/**
 * What Gantry does on this machine's GPU, in one table:
 *
 *     npm run bench:gpu -- OUT                  in a checkout
 *     .gpu/run.sh OUT [--minutes M] [--smoke]   on a machine that has nothing but a driver: `npm run gpu:pack` writes it
 *
 * OUT gets `gpu.json` with all figures, `table.md` and `log.txt`. Every part runs in a process of its own and has a share of the
 * minutes (6 by default); one that fails or needs longer is recorded, and the rest goes on. Ends with 1 if any did.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, table } from '@gantry/cli/bench';
import { removeTemporaryDirectories, temporaryDirectory } from '../../test/support/gantry-process.ts';
import type { Finding } from './part.ts';
import { PARTS } from './parts.ts';

const RUN_PART = fileURLToPath(new URL('run-part.ts', import.meta.url));
const USUAL_MINUTES = 6;
/** A GPU made of software does everything in small in four to seven. */
const SMOKE_MINUTES = 20;

interface Outcome {
  readonly part: string;
  readonly outcome: 'done' | 'failed' | 'out of time' | 'skipped';
  /** What went wrong. */
  readonly why?: string;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

function fail(message: string): never {
  console.error(`gpu: ${message}`);
  process.exit(1);
}

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { minutes: { type: 'string' }, smoke: { type: 'boolean', default: false } },
    });
    const minutes = Number(values.minutes ?? (values.smoke ? SMOKE_MINUTES : USUAL_MINUTES));
    if (!(minutes > 0)) fail(`--minutes: expected a number above 0, got ${values.minutes}`);
    const [out, ...more] = positionals;
    if (out === undefined || more.length > 0) fail('expected one folder for the results: run.sh OUT [--minutes M]');
    return { out: resolve(out), minutes, size: values.smoke ? ['--smoke'] : [] };
  } catch (error) {
    return fail((error as Error).message);
  }
}

const { out, minutes, size } = options();
mkdirSync(out, { recursive: true });
const log = createWriteStream(join(out, 'log.txt'));
const machine = describeMachine();
// Where all that the parts write goes: one that is killed removes nothing.
const scratch = temporaryDirectory();
process.on('exit', removeTemporaryDirectories);
const begin = performance.now();
const deadline = begin + minutes * 60_000;

/** Runs a part until it ends or `limitMs` are over, and all that it started ends with it. */
async function runPart(part: string, limitMs: number): Promise<Outcome> {
  const started = performance.now();
  log.write(`\n=== ${part}\n`);
  // A process group of its own, so that all of it can be ended at once.
  const child = spawn(process.execPath, [...process.execArgv, RUN_PART, part, ...size], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, TMPDIR: scratch },
  });
  const endAll = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  process.once('exit', endAll);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endAll();
  }, limitMs);
  child.stderr.pipe(log, { end: false });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = [...text.matchAll(/^(?:Gantry)?Error: (.*)$/gm)].at(-1)?.[1] ?? complaint;
  });
  const closed = once(child, 'close');
  // Of findings with the same name, the latest one counts.
  const findings = new Map<string, Finding>();
  for await (const line of createInterface(child.stdout)) {
    const finding = JSON.parse(line) as Finding;
    findings.set(finding.what, finding);
    console.error(`${part}: ${finding.what}: ${finding.result}`);
    log.write(`${finding.what}: ${finding.result}\n`);
  }
  const [code, signal] = (await closed) as [number | null, string | null];
  clearTimeout(timer);
  process.removeListener('exit', endAll);
  const seconds = (performance.now() - started) / 1000;
  const found = { part, seconds, findings: [...findings.values()] };
  if (isLate) return { ...found, outcome: 'out of time', why: `it had ${Math.round(limitMs / 1000)} s` };
  if (code === 0) return { ...found, outcome: 'done' };
  return { ...found, outcome: 'failed', why: complaint || `it ended with ${code ?? signal}; see log.txt` };
}

// What was found is kept, and what runs ends with this.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const outcomes: Outcome[] = [];

function tableText(): string {
  const rows = outcomes.flatMap(({ part, outcome, why, seconds, findings }) => [
    ...findings.map(({ what, result }) => [part, what, result]),
    ...(outcome === 'done' ? [] : [[part, outcome.toUpperCase(), why ?? '']]),
    [part, 'time', `${Math.round(seconds)} s`],
  ]);
  return table(['part', 'what', 'result'], rows);
}

/** After each part: what comes later may be cut off. */
function writeResults(): void {
  writeFileSync(join(out, 'table.md'), `${tableText()}\n`);
  writeFileSync(join(out, 'gpu.json'), `${JSON.stringify({ machine, minutes, outcomes }, undefined, 1)}\n`);
}

for (const [part, { share, needsGpu }] of Object.entries(PARTS)) {
  const noGpu = outcomes.find(({ part: other, outcome }) => other === 'adapter' && outcome !== 'done');
  const leftMs = deadline - performance.now();
  const unused = Object.entries(PARTS)
    .slice(outcomes.length)
    .reduce((sum, [, later]) => sum + later.share, 0);
  if (needsGpu && noGpu)
    outcomes.push({ part, outcome: 'skipped', why: 'no adapter was found', seconds: 0, findings: [] });
  else outcomes.push(await runPart(part, Math.max(1000, (leftMs * share) / unused)));
  const { outcome, why } = outcomes.at(-1) as Outcome;
  if (why !== undefined) console.error(`${part}: ${outcome}: ${why}`);
  writeResults();
}

const text = tableText();
console.log(text);
log.end(`\n${text}\n`);
process.exitCode = outcomes.every(({ outcome }) => outcome === 'done') ? 0 : 1;
