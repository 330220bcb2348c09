-- cogo_api.list_jobs: the newest jobs of a project, of one state where given, at most 500, also those of the history; a dead one with
-- its reason. Needs viewer.
create function cogo_api.list_jobs(project_id uuid, state text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  most int := least(greatest(coalesce(lim, 50), 1), 500);
begin
  perform cogo.require_role(list_jobs.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(x.body order by x.id desc)
      from (select * from (
              (select j.id, cogo.job_json(j) || case when j.state = 'dead' then jsonb_build_object('reason',
                        (select d.reason from cogo.job_dead d where d.job_id = j.id)) else '{}' end as body
                 from cogo.job_payloads p join cogo.jobs j on j.id = p.job_id
                where p.project_id = list_jobs.project_id and (list_jobs.state is null or j.state = list_jobs.state)
                order by p.job_id desc limit most)
              union all
              (select h.id, cogo.job_json(j) as body
                 from cogo.jobs_history h cross join lateral cogo.past_job(h.id) j
                where h.project_id = list_jobs.project_id and (list_jobs.state is null or h.state = list_jobs.state)
                order by h.id desc limit most)) both_of order by id desc limit most) x), '[]');
end
$$;
revoke all on function cogo_api.list_jobs(uuid, text, int) from public;
grant execute on function cogo_api.list_jobs(uuid, text, int) to anon, authenticated, service_role;
