-- cogo_api.mirror_done: the mirror holds what these notes of the outbox stood for. Returns {done, backlog}. By id, not up to one: a
-- transaction may publish a lower id later. Needs editor, or a worker of the project.
create function cogo_api.mirror_done(project_id uuid, ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  done int;
begin
  perform cogo.require_role(mirror_done.project_id, 'editor', true);
  delete from cogo.graph_outbox o where o.project_id = mirror_done.project_id and o.id = any (ids);
  get diagnostics done = row_count;
  update cogo.graph_mirrors m set told = m.told + done, told_at = clock_timestamp()
   where m.project_id = mirror_done.project_id and done > 0;
  return jsonb_build_object('done', done,
    'backlog', (select count(*) from cogo.graph_outbox o where o.project_id = mirror_done.project_id));
end
$$;
revoke all on function cogo_api.mirror_done(uuid, bigint[]) from public;
grant execute on function cogo_api.mirror_done(uuid, bigint[]) to anon, authenticated, service_role;
