-- cogo_api.mirror_status: {enabled, backlog, oldest_at, told, told_at, started_at}: how far the mirror of a project is behind. backlog:
-- changed files not told yet, the oldest since oldest_at. Needs viewer.
create function cogo_api.mirror_status(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_status.project_id, 'viewer');
  return (
    select jsonb_build_object('enabled', m.project_id is not null, 'backlog', o.n, 'oldest_at', o.oldest, 'told', coalesce(m.told, 0),
             'told_at', m.told_at, 'started_at', m.started_at)
      from (select count(*) as n, min(x.made_at) as oldest from cogo.graph_outbox x where x.project_id = mirror_status.project_id) o
      left join cogo.graph_mirrors m on m.project_id = mirror_status.project_id);
end
$$;
revoke all on function cogo_api.mirror_status(uuid) from public;
grant execute on function cogo_api.mirror_status(uuid) to anon, authenticated, service_role;
