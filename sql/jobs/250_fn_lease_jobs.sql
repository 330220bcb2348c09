-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers. steps and children are there
-- where a job has them, which a first attempt has not.
create function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns jsonb
language sql
set search_path = ''
as $$
  with leased as (
    update cogo.jobs j
       set state = 'running', blocked_on = null, attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
           lease_token = nextval('cogo.lease_tokens'), lease_s = lease_jobs.lease_s,
           lease_until = clock_timestamp() + make_interval(secs => lease_jobs.lease_s), leased_at = clock_timestamp(),
           started_at = coalesce(j.started_at, clock_timestamp())
     where j.id = any (ids)
    returning j.id, j.project_id, j.type, j.attempt, j.lease_token, j.trace_id, j.quiet, j.band, j.pinned_executor_id,
              j.cancel_requested_at
  ),
  told as (
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select l.id, l.project_id, 'job.started', jsonb_build_object('attempt', l.attempt, 'executor_id', lease_jobs.executor_id),
           l.trace_id, l.quiet
      from leased l
  )
  select jsonb_agg(jsonb_build_object(
           'job_id', l.id, 'token', l.lease_token::text, 'attempt', l.attempt, 'type', l.type, 'payload', p.input,
           'checkpoint', p.checkpoint, 'project_id', l.project_id, 'trace_id', l.trace_id, 'lease_s', lease_jobs.lease_s,
           'cancel_requested', l.cancel_requested_at is not null)
           || case when l.attempt = 1 then '{}' else cogo.earlier_work(l.id) end
           order by l.pinned_executor_id is null, l.band, l.id)
    from leased l left join cogo.job_payloads p on p.job_id = l.id
$$;
