-- cogo_api.stats: {states:{state: n}, oldest_queued_s, lanes:[{lane, queued}], dead:{reason: n}} of a project. Needs viewer.
create function cogo_api.stats(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(stats.project_id, 'viewer');
  return jsonb_build_object(
    'states', coalesce((
      select jsonb_object_agg(s.state, s.n)
        from (select j.state, count(*) as n from cogo.jobs j where j.project_id = stats.project_id group by j.state) s), '{}'),
    'oldest_queued_s', coalesce((
      select round(extract(epoch from clock_timestamp() - min(j.queued_at))::numeric, 3)
        from cogo.jobs j where j.project_id = stats.project_id and j.state = 'queued'), 0),
    'lanes', coalesce((
      select jsonb_agg(jsonb_build_object('lane', q.lane, 'queued', q.n) order by q.lane)
        from (select j.lane, count(*) as n from cogo.jobs j
               where j.project_id = stats.project_id and j.state = 'queued' group by j.lane) q), '[]'),
    'dead', coalesce((
      select jsonb_object_agg(d.reason, d.n)
        from (select x.reason, count(*) as n from cogo.job_dead x where x.project_id = stats.project_id group by x.reason) d), '{}'));
end
$$;
revoke all on function cogo_api.stats(uuid) from public;
grant execute on function cogo_api.stats(uuid) to anon, authenticated, service_role;
