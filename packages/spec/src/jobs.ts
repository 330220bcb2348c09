// The words of the jobs domain that more than one part spells; the CHECK constraints of sql/jobs/010_tables.sql spell the same.

export const JOB_STATES = [
  'scheduled',
  'blocked',
  'queued',
  'running',
  'succeeded',
  'cancelled',
  'dead',
] as const;

/** Why a job is in the dead letters. */
export const DEAD_REASONS = [
  'parse_error',
  'validation_failed',
  'dependency_unavailable',
  'timeout',
  'exhausted_retries',
  'policy_violation',
  'infrastructure_failure',
  'compensation_failed',
  'lease_lost',
] as const;
