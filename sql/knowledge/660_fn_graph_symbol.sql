-- cogo_api.graph_symbol: symbols by name, best first: [{id, key, kind, name, path, repo, signature, doc, exported, start_line, end_line,
-- commit_sha, generation, callers, callees, entry_distance}]. symbol: a plain or qualified name, or a key (path#Name); a name nobody has
-- matches by its beginning. Nothing found is []. Needs viewer.
create function cogo_api.graph_symbol(project_id uuid, symbol text, path text default null, repo text default null, lim int default 20)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  room int := least(greatest(coalesce(lim, 20), 1), 200);
  ids  bigint[];
begin
  perform cogo.require_role(graph_symbol.project_id, 'viewer');
  ids := array(select n.id from cogo.find_nodes(graph_symbol.project_id, symbol, path, repo, null, room) n);
  if cardinality(ids) = 0 and length(symbol) >= 2 then
    ids := array(
      select n.id
        from cogo.ast_nodes n
        join cogo.repos r on r.id = n.repo_id and n.generation <= r.generation
       where n.project_id = graph_symbol.project_id and (graph_symbol.repo is null or r.repo = graph_symbol.repo)
         and starts_with(lower(n.name), lower(symbol)) and strpos(n.key, '#') > 0
         and (graph_symbol.path is null or starts_with(n.key, graph_symbol.path || '#'))
       order by n.exported desc, length(n.name), n.key
       limit room);
  end if;
  return coalesce((
    select jsonb_agg(cogo.node_json(n, r) || jsonb_build_object(
             'callers', (select count(distinct e.from_key) from cogo.near_edges(r.id, array[n.key], 'in', array['calls'], 0, 1000) e),
             'callees', (select count(distinct e.to_key) from cogo.near_edges(r.id, array[n.key], 'out', array['calls'], 0, 1000) e),
             'entry_distance', (select d.distance from cogo.entry_distances d where d.repo_id = r.id and d.path = split_part(n.key, '#', 1)))
           order by array_position(ids, n.id))
      from cogo.ast_nodes n join cogo.repos r on r.id = n.repo_id
     where n.id = any (ids)), '[]');
end
$$;
revoke all on function cogo_api.graph_symbol(uuid, text, text, text, int) from public;
grant execute on function cogo_api.graph_symbol(uuid, text, text, text, int) to anon, authenticated, service_role;
