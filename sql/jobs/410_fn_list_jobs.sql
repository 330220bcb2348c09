-- cogo_api.list_jobs: the newest jobs of a project, of one state where given, at most 500. Needs viewer.
create function cogo_api.list_jobs(project_id uuid, state text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_jobs.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(cogo.job_json(j) order by j.created_at desc, j.id)
      from (select x.* from cogo.jobs x
             where x.project_id = list_jobs.project_id and (list_jobs.state is null or x.state = list_jobs.state)
             order by x.created_at desc, x.id limit least(greatest(coalesce(lim, 50), 1), 500)) j), '[]');
end
$$;
revoke all on function cogo_api.list_jobs(uuid, text, int) from public;
grant execute on function cogo_api.list_jobs(uuid, text, int) to anon, authenticated, service_role;
