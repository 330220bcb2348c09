-- cogo.lease_jobs: gives locked, queued jobs to an executor: running, a new token, an attempt row. Returns what claim answers.
create function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  answer jsonb;
begin
  update cogo.jobs j
     set state = 'running', attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
         lease_token = nextval('cogo.lease_tokens'), lease_s = lease_jobs.lease_s,
         lease_until = clock_timestamp() + make_interval(secs => lease_jobs.lease_s),
         started_at = coalesce(j.started_at, clock_timestamp())
   where j.id = any (ids);
  insert into cogo.job_attempts (job_id, attempt, project_id, lease_token, executor_id)
  select j.id, j.attempt, j.project_id, j.lease_token, j.executor_id from cogo.jobs j where j.id = any (ids) order by j.id;
  insert into cogo.job_events (job_id, project_id, kind, data)
  select j.id, j.project_id, 'job.started', jsonb_build_object('attempt', j.attempt, 'executor_id', j.executor_id)
    from cogo.jobs j where j.id = any (ids) order by j.id;
  select jsonb_agg(jsonb_build_object(
           'job_id', j.id, 'token', j.lease_token::text, 'attempt', j.attempt, 'type', j.type, 'payload', p.input,
           'checkpoint', p.checkpoint, 'project_id', j.project_id, 'trace_id', j.trace_id, 'lease_s', j.lease_s,
           'cancel_requested', j.cancel_requested_at is not null) order by array_position(ids, j.id))
    into answer
    from cogo.jobs j left join cogo.job_payloads p on p.job_id = j.id
   where j.id = any (ids);
  return answer;
end
$$;
