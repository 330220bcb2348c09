-- cogo_api.trace_status: {trace_id, project_id, status, function, route, counts:{event_type: n}, started_at, finished_at,
-- duration_ms, http_status, events:[newest first, at most 200], output, error}.
-- Error: CG003 unknown, or not the caller's to read.
create function cogo_api.trace_status(trace_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  trace cogo.traces;
begin
  select t.* into trace from cogo.traces t where t.trace_id = trace_status.trace_id;
  if not found or not cogo.can_read_trace(trace_status.trace_id) then
    perform cogo.fail('CG003', 'no such trace', jsonb_build_object('trace_id', trace_status.trace_id));
  end if;
  return jsonb_build_object(
    'trace_id', trace.trace_id, 'project_id', trace.project_id, 'status', trace.status, 'function', trace.function,
    'route', trace.route, 'started_at', trace.created_at, 'finished_at', trace.finished_at, 'duration_ms', trace.duration_ms,
    'http_status', trace.http_status, 'output', trace.output, 'error', trace.error,
    'counts', coalesce((
      select jsonb_object_agg(c.event_type, c.n)
        from (select e.event_type, count(*) as n from cogo.bus_events e
               where e.trace_id = trace_status.trace_id group by e.event_type) c), '{}'),
    'events', coalesce((
      select jsonb_agg(jsonb_build_object('id', e.id, 'event_type', e.event_type, 'source', e.source, 'payload', e.payload,
               'ts', e.created_at) order by e.id desc)
        from (select * from cogo.bus_events b where b.trace_id = trace_status.trace_id order by b.id desc limit 200) e), '[]'));
end
$$;
revoke all on function cogo_api.trace_status(text) from public;
grant execute on function cogo_api.trace_status(text) to anon, authenticated, service_role;
