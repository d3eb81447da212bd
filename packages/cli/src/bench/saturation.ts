import type { Table } from './report.ts';
import type { Bytes, KindFigures, StarFigures } from './star-figures.ts';
import { predictMs, type StarModel } from './star-model.ts';
import { DEVICE_SHARD_SIZE } from './star-point.ts';
import { digits } from './statistics.ts';

/** Shard size and what a device computes, images per second. */
const DEVICES = [
  { name: 'CPU thread', rate: 300, shardSize: 64 },
  { name: 'CPU thread', rate: 300, shardSize: 256 },
  { name: 'small GPU', rate: 2000, shardSize: 256 },
  { name: 'GPU', rate: 10_000, shardSize: 256 },
  { name: 'GPU', rate: 10_000, shardSize: 1024 },
];
/** Bits per second of the coordinator's network, both ways at the same time. */
const NETWORKS = [
  { name: 'loopback', bits: Infinity, masked: false },
  { name: '10 Gbit/s', bits: 10e9, masked: true },
  { name: '1 Gbit/s', bits: 1e9, masked: true },
];
const MAX_WORKERS = 10_000;
const EFFICIENT = 0.5;

/** The coordinator behind a network: whichever of the two is slower counts, for each leaf and each worker. */
function behind(star: StarFigures, bytes: Bytes, { bits, masked }: (typeof NETWORKS)[number]): StarModel {
  const wireMs = (count: number) => (count * 8 * 1000) / bits;
  return {
    base: star.base,
    leaf: Math.max(star.leaf + (masked ? star.unmask : 0), wireMs(bytes.leaf)),
    worker: Math.max(star.worker, wireMs(bytes.weights)),
  };
}

/** How many workers with one shard each a star feeds, by device and network. */
export function saturationTable(star: StarFigures, bytes: Bytes): Table {
  const rows = DEVICES.flatMap(({ name, rate, shardSize }) =>
    NETWORKS.map((network) => {
      const model = behind(star, bytes, network);
      const computeMs = (shardSize * 1000) / rate;
      const stepMs = (workers: number) => predictMs(model, { workers, leaves: workers, delayMs: computeMs });
      // Its step only grows with the number of workers.
      let workers = 0;
      while (workers < MAX_WORKERS && computeMs / stepMs(workers + 1) >= EFFICIENT) workers++;
      const limit = (shardSize * 1000) / (model.leaf + model.worker);
      return [
        name,
        `${rate}`,
        `${shardSize}`,
        network.name,
        workers > 0 ? `${workers}` : 'none',
        digits((Math.max(1, workers) * shardSize * 1000) / stepMs(Math.max(1, workers))),
        digits(limit),
      ];
    }),
  );
  const head = ['device', 'images/s', 'shard', 'network', 'workers at half speed', 'images/s then', 'images/s at most'];
  return { title: 'One shard for each worker: where they compute half of the time', head, rows };
}

const RATES = [300, 1000, 10_000];
const LOCAL_STEPS = [8, 32, 128];
const MANY_WORKERS = 64;
const WELL_USED = 0.8;

/** What local steps are worth: one replica for each worker, whose round takes as many steps as it likes. */
export function localStepsTable(kinds: readonly KindFigures[]): Table {
  const rows = kinds.flatMap(({ isLocal, wire, bytes, model: star }) =>
    (isLocal ? LOCAL_STEPS : [1]).flatMap((localSteps) =>
      RATES.flatMap((rate) =>
        NETWORKS.map((network) => {
          if (!star) return undefined;
          const model = behind(star, bytes, network);
          const delayMs = (localSteps * DEVICE_SHARD_SIZE * 1000) / rate;
          const share = (workers: number) => delayMs / predictMs(model, { workers, leaves: workers, delayMs });
          let workers = 0;
          while (workers < MAX_WORKERS && share(workers + 1) >= WELL_USED) workers++;
          return [
            `${localSteps}`,
            wire,
            `${rate}`,
            network.name,
            workers > 0 ? `${workers}` : 'none',
            digits(MANY_WORKERS * rate * share(MANY_WORKERS)),
            `${(100 * share(MANY_WORKERS)).toFixed(0)}%`,
          ];
        }),
      ),
    ),
  );
  const head = 'local steps|wire|images/s|network|workers at 80%|images/s of 64|of what they could'.split('|');
  const title = `One replica for each worker, shards of ${DEVICE_SHARD_SIZE}: by the model`;
  return { title, head, rows: rows.filter((row) => row !== undefined) };
}
