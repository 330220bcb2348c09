-- cogo.close_attempts: records the attempts of running, locked jobs as over without having ended the job well. To be called before
-- their state changes.
create function cogo.close_attempts(ids uuid[], outcome text, error jsonb default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into cogo.job_attempts (job_id, attempt, project_id, lease_token, executor_id, started_at, outcome, error)
  select j.id, j.attempt, j.project_id, j.lease_token, j.executor_id, j.leased_at, close_attempts.outcome, close_attempts.error
    from cogo.jobs j where j.id = any (ids) and j.state = 'running' order by j.id;
end
$$;
