-- cogo.job_json: a job's own row as the API shows it. outcome: what the result of a job that ran to its end says of itself (a build
-- that ran and found failing tests has a result of state failed).
create function cogo.job_json(j cogo.jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('job_id', j.id, 'project_id', j.project_id, 'type', j.type, 'state', j.state, 'lane', j.lane,
    'attempt', j.attempt, 'failures', j.failures, 'lease_losses', j.lease_losses, 'releases', j.releases,
    'max_attempts', j.max_attempts, 'created_at', j.created_at, 'run_at', j.run_at, 'started_at', j.started_at,
    'finished_at', j.finished_at, 'trace_id', j.trace_id, 'executor_id', j.executor_id,
    'pinned_executor_id', j.pinned_executor_id, 'concurrency_key', j.concurrency_key, 'parent_id', j.parent_id,
    'blocked_on', j.blocked_on, 'pending_children', j.pending_children, 'batch_id', j.batch_id, 'redriven_from', j.redriven_from,
    'cancel_requested', j.cancel_requested_at is not null, 'priority', j.band,
    'outcome', case when jsonb_typeof(j.result -> 'state') = 'string' then j.result ->> 'state' end)
$$;
