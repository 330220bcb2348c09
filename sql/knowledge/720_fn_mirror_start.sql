-- cogo_api.mirror_start: gives a project a mirror: from now on every published file goes to the outbox, and all that is published already
-- goes there at once; started again, the mirror is told everything anew. Returns mirror_status. Needs admin.
create function cogo_api.mirror_start(project_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_start.project_id, 'admin');
  insert into cogo.graph_mirrors (project_id) values (mirror_start.project_id) on conflict do nothing;
  perform from cogo.graph_mirrors m where m.project_id = mirror_start.project_id for update;
  delete from cogo.graph_outbox o where o.project_id = mirror_start.project_id;
  insert into cogo.graph_outbox (project_id, repo_id, path)
  select r.project_id, r.id, f.path
    from cogo.repos r join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation
   where r.project_id = mirror_start.project_id
   order by r.id, f.path;
  return cogo_api.mirror_status(mirror_start.project_id);
end
$$;
revoke all on function cogo_api.mirror_start(uuid) from public;
grant execute on function cogo_api.mirror_start(uuid) to anon, authenticated, service_role;
