-- cogo_api.emit_events: the server records events [{trace_id, event_type, source, project_id?, payload?}]; returns how many.
-- Errors: CG000 malformed, CG002 not the server.
create function cogo_api.emit_events(events jsonb)
returns int
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return cogo.record_events(emit_events.events);
end
$$;
revoke all on function cogo_api.emit_events(jsonb) from public;
grant execute on function cogo_api.emit_events(jsonb) to service_role;
