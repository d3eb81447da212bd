/** Parts of an optimizer's settings, named as in run.json. */
export interface GivenOptimizer {
  readonly [setting: string]: unknown;
  readonly schedule?: Settings | undefined;
}

type Settings = Readonly<Record<string, unknown>>;

/** Settings that a user gave, named as in run.json and not checked yet; what is absent or undefined was not given. */
export interface GivenConfig {
  readonly [setting: string]: unknown;
  /** By network. */
  readonly optimizers?: Readonly<Record<string, GivenOptimizer>> | undefined;
}

/** Where settings come from: the command line, a file. */
export interface ConfigSource {
  readonly settings: GivenConfig;
  /**
   * Settings of optimizers that do not name networks, as options give them in the order of the networks.
   * @throws GantryError E_CONFIG if they are of other networks than these
   */
  readonly inOrder?: (networks: readonly string[]) => GivenConfig;
  /**
   * A setting as the source calls it: `--seed`, or `seed in FILE`.
   * @param path keys of `settings`, from the outermost
   * @param value said, too, where it is given: `--seed 8`, or `seed 8 in FILE`
   */
  readonly describe: (path: readonly string[], value?: string) => string;
}

/** Sources all of whose settings name their networks. @throws GantryError E_CONFIG if there are settings of others */
export function withNetworks(sources: readonly ConfigSource[], networks: readonly string[]): ConfigSource[] {
  return sources.map(({ settings, inOrder, describe }) => ({
    settings: inOrder ? overlaid(settings, inOrder(networks)) : settings,
    describe,
  }));
}

/**
 * Settings with later ones laid over them. Those of another optimizer replace all of the optimizer before: a rate that
 * is good for one is none for the other. A schedule of another kind keeps the warm-up, which every kind has. Settings
 * that do not say whose they are go with either.
 */
export function overlaid(before: GivenConfig, after: GivenConfig): GivenConfig {
  const networks = Object.keys({ ...before.optimizers, ...after.optimizers });
  const optimizers = Object.fromEntries(
    networks.map((network) => [
      network,
      optimizerOver(before.optimizers?.[network] ?? {}, after.optimizers?.[network] ?? {}),
    ]),
  );
  return { ...before, ...present(after), ...(networks.length > 0 && { optimizers }) };
}

/** The value at the end of a path of keys; undefined where there is none. */
export function valueAt(settings: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Settings)[key] : undefined,
    settings,
  );
}

function optimizerOver(before: GivenOptimizer, after: GivenOptimizer): GivenOptimizer {
  const { schedule: earlier, ...kept } = differ(before['name'], after['name']) ? {} : before;
  const { schedule: later, ...settings } = after;
  const schedule = scheduleOver(earlier ?? {}, later ?? {});
  return { ...kept, ...present(settings), ...(Object.keys(schedule).length > 0 && { schedule }) };
}

function scheduleOver(before: Settings, after: Settings): Settings {
  const kept = differ(before['kind'], after['kind']) ? { warmUpSteps: before['warmUpSteps'] } : before;
  return { ...present(kept), ...present(after) };
}

function differ(before: unknown, after: unknown): boolean {
  return before !== undefined && after !== undefined && before !== after;
}

function present(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
