-- cogo_api.mirror_take: the oldest files in the outbox with what their graph is now: {items:[{ids, repo, path, generation, commit_sha,
-- published, nodes, edges}], backlog}. ids: the notes of the outbox it answers for, to be given to mirror_done. published false: the file is gone.
-- nodes and edges by key, as index_graph takes them; nodes with their id. Takes nothing away: told twice is told the same.
-- Needs editor, or a worker of the project. Errors: as require_role; CG003 the project has no mirror.
create function cogo_api.mirror_take(project_id uuid, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_take.project_id, 'editor', true);
  if not exists (select from cogo.graph_mirrors m where m.project_id = mirror_take.project_id) then
    perform cogo.fail('CG003', 'the project has no mirror', null, 'Start one with mirror_start');
  end if;
  return jsonb_build_object(
    'backlog', (select count(*) from cogo.graph_outbox o where o.project_id = mirror_take.project_id),
    'items', coalesce((
      select jsonb_agg(jsonb_build_object('ids', w.ids, 'repo', r.repo, 'path', w.path, 'generation', r.generation,
               'commit_sha', r.commit_sha, 'published', f.id is not null,
               'nodes', coalesce((
                 select jsonb_agg(jsonb_build_object('id', n.id, 'key', n.key, 'kind', n.kind, 'name', n.name, 'signature', n.signature,
                          'exported', n.exported, 'start_line', n.start_line, 'end_line', n.end_line) order by n.key)
                   from cogo.ast_nodes n where n.file_id = f.id), '[]'),
               'edges', coalesce((
                 select jsonb_agg(jsonb_build_object('from', e.from_key, 'to', e.to_key, 'kind', e.kind, 'via', e.via,
                          'provenance', e.provenance, 'confidence', e.confidence, 'sites', e.sites, 'line', e.line) order by e.id)
                   from cogo.code_relationships e where e.file_id = f.id), '[]')) order by w.first)
        from (select t.repo_id, t.path, array_agg(t.id) as ids, min(t.id) as first
                from (select o.* from cogo.graph_outbox o where o.project_id = mirror_take.project_id
                       order by o.id limit least(greatest(mirror_take.lim, 1), 500)) t
               group by t.repo_id, t.path) w
        join cogo.repos r on r.id = w.repo_id
        left join cogo.source_files f on f.repo_id = r.id and f.path = w.path and f.generation <= r.generation), '[]'));
end
$$;
revoke all on function cogo_api.mirror_take(uuid, int) from public;
grant execute on function cogo_api.mirror_take(uuid, int) to anon, authenticated, service_role;
