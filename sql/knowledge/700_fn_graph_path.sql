-- cogo_api.graph_path: a shortest way from one symbol or file to another, following relationships from their start to their end:
-- {found, nodes, edges}, nodes and edges in the order of the way; found false when there is none or an end is unknown. kinds: all but 'contains' when null. depth: at most 12
-- steps. Needs viewer.
create function cogo_api.graph_path(project_id uuid, from_symbol text default null, from_path text default null,
  to_symbol text default null, to_path text default null, repo text default null, kinds text[] default null, depth int default 8,
  min_confidence real default 0, from_id bigint default null, to_id bigint default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  starts   cogo.ast_nodes[];
  goals    cogo.ast_nodes[];
  goal     text[];
  allowed  text[] := coalesce(kinds, array['imports', 'extends', 'implements', 'calls', 'references', 'uses_type', 'links']);
  home     cogo.repos;
  frontier text[];
  seen     text[];
  -- one step back: parent[i] and its edge lead to seen[i]
  parent   text[];
  edges    jsonb[];
  step     record;
  reached  text;
  way      jsonb := '[]';
  stops    text[];
  place    int;
begin
  perform cogo.require_role(graph_path.project_id, 'viewer');
  starts := array(select n from cogo.find_nodes(graph_path.project_id, from_symbol, from_path, repo, from_id, 5) n);
  goals := array(select n from cogo.find_nodes(graph_path.project_id, to_symbol, to_path, repo, to_id, 5) n);
  for home in select distinct r.* from unnest(starts) t join cogo.repos r on r.id = t.repo_id loop
    seen := array(select t.key from unnest(starts) t where t.repo_id = home.id);
    goal := array(select t.key from unnest(goals) t where t.repo_id = home.id);
    parent := array_fill(null::text, array[cardinality(seen)]);
    edges := array_fill(null::jsonb, array[cardinality(seen)]);
    frontier := seen;
    select k into reached from unnest(seen) k where k = any (goal) limit 1;
    for hop in 1 .. least(greatest(coalesce(depth, 8), 1), 12) loop
      exit when reached is not null or cardinality(frontier) = 0 or cardinality(seen) > 20000;
      place := cardinality(seen);
      for step in
        select distinct on (e.to_key) e.* from cogo.near_edges(home.id, frontier, 'out', allowed, min_confidence, 20000) e
         where e.to_key <> all (seen)
         order by e.to_key, e.weight desc nulls last, e.confidence desc, e.from_key
      loop
        seen := seen || step.to_key;
        parent := parent || step.from_key;
        edges := edges || to_jsonb(step);
        if step.to_key = any (goal) then
          reached := step.to_key;
          exit;
        end if;
      end loop;
      frontier := seen[place + 1 :];
    end loop;
    if reached is not null then
      stops := array[reached];
      place := array_position(seen, reached);
      while parent[place] is not null loop
        way := jsonb_build_array(edges[place]) || way;
        stops := parent[place] || stops;
        place := array_position(seen, parent[place]);
      end loop;
      return (
        with node as materialized (
          select distinct on (s.place) s.key, s.place, n.id, cogo.node_json(n, home) as body
            from unnest(stops) with ordinality as s(key, place)
            join cogo.ast_nodes n on n.repo_id = home.id and n.key = s.key and n.generation <= home.generation
           order by s.place, n.generation desc)
        select jsonb_build_object('found', true,
          'nodes', (select jsonb_agg(n.body order by n.place) from node n),
          'edges', coalesce((
            select jsonb_agg(jsonb_build_object('from', a.id, 'to', b.id, 'kind', e.value ->> 'kind', 'via', e.value ->> 'via',
                     'provenance', e.value ->> 'provenance', 'confidence', e.value -> 'confidence', 'line', e.value -> 'line',
                     'weight', e.value -> 'weight', 'observed_at', e.value ->> 'observed_at') order by e.ordinality)
              from jsonb_array_elements(way) with ordinality e
              join node a on a.key = e.value ->> 'from_key'
              join node b on b.key = e.value ->> 'to_key'), '[]')));
    end if;
  end loop;
  return jsonb_build_object('found', false, 'nodes', '[]'::jsonb, 'edges', '[]'::jsonb);
end
$$;
revoke all on function cogo_api.graph_path(uuid, text, text, text, text, text, text[], int, real, bigint, bigint) from public;
grant execute on function cogo_api.graph_path(uuid, text, text, text, text, text, text[], int, real, bigint, bigint)
  to anon, authenticated, service_role;
