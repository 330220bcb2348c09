-- cogo_api.graph_walk: what is around a symbol or file. {targets, nodes, edges, truncated}: targets are the nodes meant (several when
-- the name is not unique, at most 5), nodes all met (each with its depth), edges {from, to, kind, via, provenance, confidence, sites,
-- line, weight, observed_at} by node id. direction: in | out | both. kinds: relationship kinds, all when null. with_members: also start
-- from what a target contains (the methods of a class, the symbols of a file). No such symbol: targets is []. Needs viewer. Errors: CG000
-- nothing named.
create function cogo_api.graph_walk(project_id uuid, symbol text default null, path text default null, repo text default null,
  node_id bigint default null, direction text default 'both', kinds text[] default null, depth int default 1, lim int default 50,
  min_confidence real default 0, with_members boolean default false)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  targets cogo.ast_nodes[];
  answer  jsonb := '{"nodes": [], "edges": [], "truncated": false}';
  part    jsonb;
  one     record;
begin
  perform cogo.require_role(graph_walk.project_id, 'viewer');
  if symbol is null and path is null and node_id is null then
    perform cogo.fail('CG000', 'name a symbol, a path or a node id');
  end if;
  if direction not in ('in', 'out', 'both') then
    perform cogo.fail('CG000', 'direction is in, out or both', jsonb_build_object('direction', direction));
  end if;
  targets := array(select n from cogo.find_nodes(graph_walk.project_id, symbol, path, repo, node_id, 5) n);
  for one in
    select t.repo_id, array_agg(distinct k.key) as keys
      from unnest(targets) t
     cross join lateral (
       select t.key
       union
       select c.to_key from cogo.code_relationships c
        where with_members and c.repo_id = t.repo_id and c.kind = 'contains' and c.from_key = t.key
       union
       select d.to_key from cogo.code_relationships c
         join cogo.code_relationships d on d.repo_id = c.repo_id and d.kind = 'contains' and d.from_key = c.to_key
        where with_members and c.repo_id = t.repo_id and c.kind = 'contains' and c.from_key = t.key
     ) k
     group by t.repo_id
  loop
    part := cogo.walk_graph(one.repo_id, one.keys, direction,
      coalesce(kinds, array['contains', 'imports', 'extends', 'implements', 'calls', 'references', 'uses_type', 'links']),
      depth, lim, min_confidence);
    answer := jsonb_build_object(
      'nodes', (answer -> 'nodes') || (part -> 'nodes'),
      'edges', (answer -> 'edges') || (part -> 'edges'),
      'truncated', (answer -> 'truncated')::boolean or (part -> 'truncated')::boolean);
  end loop;
  return jsonb_build_object('targets', coalesce((
    select jsonb_agg(cogo.node_json(n, r) order by n.key)
      from cogo.ast_nodes n join cogo.repos r on r.id = n.repo_id where n.id in (select t.id from unnest(targets) t)), '[]')) || answer;
end
$$;
revoke all on function cogo_api.graph_walk(uuid, text, text, text, bigint, text, text[], int, int, real, boolean) from public;
grant execute on function cogo_api.graph_walk(uuid, text, text, text, bigint, text, text[], int, int, real, boolean)
  to anon, authenticated, service_role;
