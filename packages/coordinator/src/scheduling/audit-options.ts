/** What becomes of a run in which a worker has lied. */
export const AUDIT_ACTIONS = ['rollback', 'mark'] as const;

export interface AuditOptions {
  /** Share of the units that are computed twice, above 0 and at most 1. */
  readonly rate: number;
  /**
   * Default: rollback. `rollback`: the run goes back to before the liar's first work that nothing confirms; `mark`: it goes on, and run.json says
   * which steps are in doubt.
   */
  readonly action?: (typeof AUDIT_ACTIONS)[number] | undefined;
}
