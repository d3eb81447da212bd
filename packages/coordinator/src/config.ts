/** What the settings of a run are, apart from what it takes to train: commands parse them before anything heavy is loaded. */
export { overlaid, valueAt, type ConfigSource, type GivenConfig, type GivenOptimizer } from './run/given-config.ts';
export { AUDIT_ACTIONS, type AuditOptions } from './scheduling/audit-options.ts';
export { runJsonSchema, type RunJson } from './run/run-config.ts';
