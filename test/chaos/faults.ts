import { Dice } from './dice.ts';

/** A coordinator takes a worker for dead after 3 s without a sign of life, a worker its coordinator after 5 s. */
const WORKER_SILENCE_MS = 3000;
const COORDINATOR_SILENCE_MS = 5000;

/** What a stranger with the right token does: see rogue.ts. */
const ATTACKS = ['noise', 'out-of-turn', 'uninvited', 'wrong-samples', 'idle'] as const;
export type Attack = (typeof ATTACKS)[number];

/** What befalls the cluster. `worker` and `link` count from 0. */
export type Fault =
  /** SIGKILL; another one comes after `downMs`. */
  | { readonly kind: 'worker-kill'; readonly worker: number; readonly downMs: number }
  /** SIGTERM: it says goodbye; another one comes after `downMs`. */
  | { readonly kind: 'worker-leave'; readonly worker: number; readonly downMs: number }
  /** SIGSTOP, and SIGCONT before anyone takes it for dead. */
  | { readonly kind: 'worker-pause'; readonly worker: number; readonly ms: number }
  /** SIGSTOP, and SIGCONT when it was taken for dead. */
  | { readonly kind: 'worker-freeze'; readonly worker: number; readonly ms: number }
  | { readonly kind: 'link-slow'; readonly link: number; readonly bytesPerSecond: number; readonly ms: number }
  /** Nothing goes through, and nobody is told. */
  | { readonly kind: 'link-stall'; readonly link: number; readonly ms: number }
  /** The connection ends in the middle of whatever it carries. */
  | { readonly kind: 'link-cut'; readonly link: number }
  /** Random bytes between two frames. */
  | {
      readonly kind: 'link-garbage';
      readonly link: number;
      readonly towards: Towards;
      readonly bytes: number;
      readonly seed: number;
    }
  /** One bit changes on its way. */
  | { readonly kind: 'link-flip'; readonly link: number; readonly towards: Towards; readonly seed: number }
  | { readonly kind: 'rogue'; readonly attack: Attack; readonly seed: number }
  /** Strangers with the right token that take work, answer pings or do not even read, and never answer. */
  | { readonly kind: 'hung-peers'; readonly count: number; readonly isReading: boolean; readonly ms: number }
  /** The run goes on with audits, and a worker joins that lies until it is found out. */
  | { readonly kind: 'liar'; readonly downMs: number }
  /** Nothing more can be written; after the coordinator has ended of it and `downMs` more, there is room again. */
  | { readonly kind: 'full-disk'; readonly downMs: number }
  /** A second coordinator, as from another container, tries to take the run over. */
  | { readonly kind: 'intruder' }
  /** SIGKILL; after `downMs` the run is resumed. */
  | { readonly kind: 'coordinator-kill'; readonly downMs: number }
  /** SIGKILL, and again `upMs` after the run was resumed: where it may be anywhere in its start. */
  | { readonly kind: 'coordinator-kill-twice'; readonly downMs: number; readonly upMs: number }
  /** SIGINT: it stops with a checkpoint; after `downMs` the run is resumed. */
  | { readonly kind: 'coordinator-stop'; readonly downMs: number }
  /** SIGSTOP and SIGCONT; its workers may have given it up by then. */
  | { readonly kind: 'coordinator-freeze'; readonly ms: number };
export type FaultKind = Fault['kind'];
export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;
export type Towards = 'coordinator' | 'worker';

export interface PlannedFault {
  /** From the begin of the chaos. */
  readonly atMs: number;
  readonly fault: Fault;
}

/** SIGKILLs that a fault of this kind deals to coordinators. */
export function coordinatorKillsOf(kind: FaultKind): number {
  return { 'coordinator-kill': 1, 'coordinator-kill-twice': 2 }[kind as string] ?? 0;
}

/** Each kind as often as it is dealt before all are shuffled anew: so that none, and no kill, is left to luck. */
const DECK: readonly FaultKind[] = [
  'worker-kill',
  'worker-kill',
  'worker-leave',
  'worker-pause',
  'worker-freeze',
  'link-slow',
  'link-stall',
  'link-cut',
  'link-garbage',
  'link-garbage',
  'link-flip',
  'link-flip',
  'rogue',
  'rogue',
  'hung-peers',
  'liar',
  'full-disk',
  'intruder',
  'coordinator-kill',
  'coordinator-kill-twice',
  'coordinator-stop',
  'coordinator-freeze',
];
/** From one fault to the next, dealt in the same way; 0 strikes together with the one before. */
const GAPS_MS: readonly number[] = [0, 0, 0, 500, 1500, 3000, 4000, 5000, 6000, 7000];

/**
 * What happens when: the same for the same seed, and long or short runs begin alike.
 * @param durationMs in which all faults begin
 */
export function planFaults(seed: number, durationMs: number, workers: number, links: number): PlannedFault[] {
  const dice = new Dice(seed, 0);
  const planned: PlannedFault[] = [];
  let kinds: FaultKind[] = [];
  let gaps: number[] = [];
  for (let atMs = 0; ;) {
    if (kinds.length === 0) kinds = dice.shuffled(DECK);
    if (gaps.length === 0) gaps = dice.shuffled(GAPS_MS);
    const kind = kinds.pop();
    atMs += gaps.pop() ?? 0;
    if (!kind || atMs >= durationMs) return planned;
    planned.push({ atMs, fault: newFault(kind, dice, workers, links) });
  }
}

function newFault(kind: FaultKind, dice: Dice, workers: number, links: number): Fault {
  const worker = dice.between(0, workers - 1);
  const link = dice.between(0, links - 1);
  const seed = dice.between(0, 2 ** 32 - 1);
  switch (kind) {
    case 'worker-kill':
    case 'worker-leave':
      return { kind, worker, downMs: dice.between(0, 3000) };
    case 'worker-pause':
      return { kind, worker, ms: dice.between(200, WORKER_SILENCE_MS - 500) };
    case 'worker-freeze':
      return { kind, worker, ms: dice.between(WORKER_SILENCE_MS + 1500, WORKER_SILENCE_MS + 5000) };
    case 'link-slow':
      return { kind, link, bytesPerSecond: dice.between(50_000, 400_000), ms: dice.between(3000, 9000) };
    case 'link-stall':
      return { kind, link, ms: dice.between(500, 8000) };
    case 'link-cut':
      return { kind, link };
    case 'link-garbage':
      return { kind, link, towards: dice.pick(['coordinator', 'worker']), bytes: dice.between(64, 4096), seed };
    case 'link-flip':
      return { kind, link, towards: dice.pick(['coordinator', 'worker']), seed };
    case 'rogue':
      return { kind, attack: dice.pick(ATTACKS), seed };
    case 'hung-peers':
      return { kind, count: dice.between(1, 4), isReading: dice.pick([true, false]), ms: dice.between(3000, 15_000) };
    case 'intruder':
      return { kind };
    case 'liar':
    case 'full-disk':
    case 'coordinator-kill':
    case 'coordinator-stop':
      return { kind, downMs: dice.between(0, 2500) };
    case 'coordinator-kill-twice':
      return { kind, downMs: dice.between(0, 1000), upMs: dice.between(0, 3500) };
    case 'coordinator-freeze':
      return { kind, ms: dice.between(500, COORDINATOR_SILENCE_MS + 2000) };
  }
}

/** In words; targets count from 1. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'worker-kill':
      return `worker ${fault.worker + 1}: SIGKILL, another one in ${seconds(fault.downMs)}`;
    case 'worker-leave':
      return `worker ${fault.worker + 1}: SIGTERM, another one in ${seconds(fault.downMs)}`;
    case 'worker-pause':
    case 'worker-freeze':
      return `worker ${fault.worker + 1}: SIGSTOP for ${seconds(fault.ms)}`;
    case 'link-slow':
      return `link ${fault.link + 1}: ${(fault.bytesPerSecond / 1e3).toFixed(0)} kB/s for ${seconds(fault.ms)}`;
    case 'link-stall':
      return `link ${fault.link + 1}: stalls for ${seconds(fault.ms)}`;
    case 'link-cut':
      return `link ${fault.link + 1}: cut`;
    case 'link-garbage':
      return `link ${fault.link + 1}: ${fault.bytes} bytes of garbage to the ${fault.towards}`;
    case 'link-flip':
      return `link ${fault.link + 1}: one bit changes on its way to the ${fault.towards}`;
    case 'rogue':
      return `a rogue attacks: ${fault.attack}`;
    case 'hung-peers': {
      const who = `${fault.count} peer${fault.count === 1 ? '' : 's'} that ${fault.isReading ? 'answer pings only' : 'read nothing'}`;
      return `${who} for ${seconds(fault.ms)}`;
    }
    case 'liar':
      return `coordinator: SIGINT, resumed with audits in ${seconds(fault.downMs)}, and a liar joins`;
    case 'full-disk':
      return `the disk is full; the coordinator is resumed ${seconds(fault.downMs)} after its end`;
    case 'intruder':
      return 'a second coordinator, from another container, wants the run';
    case 'coordinator-kill':
      return `coordinator: SIGKILL, resumed in ${seconds(fault.downMs)}`;
    case 'coordinator-kill-twice':
      return `coordinator: SIGKILL, resumed in ${seconds(fault.downMs)}, SIGKILL again ${seconds(fault.upMs)} later`;
    case 'coordinator-stop':
      return `coordinator: SIGINT, resumed in ${seconds(fault.downMs)}`;
    case 'coordinator-freeze':
      return `coordinator: SIGSTOP for ${seconds(fault.ms)}`;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
