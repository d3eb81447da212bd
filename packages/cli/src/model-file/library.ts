/** What model files get for `gantry`: the running product itself. A module of its own, for its place beside the loader. */
export * from '../index.ts';
