-- cogo_api.mirror_stop: takes a project's mirror away: nothing goes to the outbox any more, and what lay there is gone. The graph database
-- is the caller's to clear. Returns mirror_status. Needs admin.
create function cogo_api.mirror_stop(project_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_stop.project_id, 'admin');
  delete from cogo.graph_mirrors m where m.project_id = mirror_stop.project_id;
  return cogo_api.mirror_status(mirror_stop.project_id);
end
$$;
revoke all on function cogo_api.mirror_stop(uuid) from public;
grant execute on function cogo_api.mirror_stop(uuid) to anon, authenticated, service_role;
