-- cogo_api.list_traces: the newest traces of a project, without their events, at most 500. Needs viewer.
create function cogo_api.list_traces(project_id uuid, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_traces.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('trace_id', t.trace_id, 'function', t.function, 'route', t.route, 'status', t.status,
             'http_status', t.http_status, 'started_at', t.created_at, 'finished_at', t.finished_at,
             'duration_ms', t.duration_ms) order by t.created_at desc, t.trace_id)
      from (select * from cogo.traces x where x.project_id = list_traces.project_id
             order by x.created_at desc, x.trace_id limit least(greatest(coalesce(list_traces.lim, 50), 1), 500)) t), '[]');
end
$$;
revoke all on function cogo_api.list_traces(uuid, int) from public;
grant execute on function cogo_api.list_traces(uuid, int) to anon, authenticated, service_role;
