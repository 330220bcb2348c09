-- cogo_api.job_detail: what job_status leaves out: {attempts:[{attempt, executor_id, started_at, ended_at, outcome, error}],
-- steps:[{name, attempt, at}], children:[{job_id, type, state}]}; attempts in order, the running one without ended_at and outcome;
-- at most 1,000 steps and children, oldest first. Needs viewer. Error: CG003.
create function cogo_api.job_detail(job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(job_detail.job_id, 'viewer');
begin
  return jsonb_build_object(
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id, 'started_at', a.started_at,
               'ended_at', a.ended_at, 'outcome', a.outcome, 'error', a.error) order by a.attempt)
        from cogo.attempts a where a.job_id = job.id), '[]'),
    'steps', coalesce((
      select jsonb_agg(jsonb_build_object('name', s.name, 'attempt', s.attempt, 'at', s.at) order by s.at, s.name)
        from (select x.* from cogo.job_steps x where x.job_id = job.id order by x.at, x.name limit 1000) s), '[]'),
    'children', coalesce((
      select jsonb_agg(jsonb_build_object('job_id', c.id, 'type', c.type, 'state', c.state) order by c.id)
        from (select j.id, j.type, j.state from cogo.jobs j where j.parent_id = job.id
              union all
              select h.id, h.type, h.state from cogo.jobs_history h where h.parent_id = job.id
               order by 1 limit 1000) c), '[]'));
end
$$;
revoke all on function cogo_api.job_detail(uuid) from public;
grant execute on function cogo_api.job_detail(uuid) to anon, authenticated, service_role;
