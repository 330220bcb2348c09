-- cogo.walk_graph: breadth first from some symbols of one repository. Returns {nodes, edges, truncated}; each node carries its depth
-- (0: where the walk began). At most lim nodes beside the first ones, depth at most 10.
create function cogo.walk_graph(repo_id bigint, start text[], direction text, kinds text[], depth int, lim int, min_confidence real)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  repo     cogo.repos;
  seen     text[] := start;
  depths   int[] := array_fill(0, array[cardinality(start)]);
  frontier text[] := start;
  level    jsonb := '[]';
  met      jsonb := '[]';
  fresh    text[];
  truncated boolean := false;
  steps    int := least(greatest(coalesce(depth, 1), 1), 10);
  room     int := least(greatest(coalesce(lim, 50), 1), 500);
begin
  select r.* into repo from cogo.repos r where r.id = walk_graph.repo_id;
  for step in 1 .. steps loop
    exit when cardinality(frontier) = 0;
    select coalesce(jsonb_agg(to_jsonb(e) order by e.weight desc nulls last, e.confidence desc, e.from_key, e.to_key, e.kind), '[]')
      into level
      from (
        select e.* from cogo.near_edges(repo.id, frontier, 'out', kinds, min_confidence, 2000) e where direction in ('out', 'both')
        union
        select e.* from cogo.near_edges(repo.id, frontier, 'in', kinds, min_confidence, 2000) e where direction in ('in', 'both')
      ) e;
    select coalesce(array_agg(k.key order by k.best), '{}') into fresh
      from (
        select ends.key, min(e.ordinality) as best
          from jsonb_array_elements(level) with ordinality e
         cross join lateral (values (e.value ->> 'from_key'), (e.value ->> 'to_key')) as ends(key)
         where ends.key <> all (seen)
           and exists (select from cogo.ast_nodes n where n.repo_id = repo.id and n.key = ends.key and n.generation <= repo.generation)
         group by ends.key) k;
    if cardinality(seen) - cardinality(start) + cardinality(fresh) > room then
      fresh := fresh[1 : greatest(room - (cardinality(seen) - cardinality(start)), 0)];
      truncated := true;
    end if;
    seen := seen || fresh;
    depths := depths || array_fill(step, array[cardinality(fresh)]);
    met := met || level;
    frontier := fresh;
  end loop;
  if cardinality(frontier) > 0 and not truncated then
    -- there is more one step further
    truncated := exists (
      select from cogo.near_edges(repo.id, frontier, case direction when 'both' then 'out' else direction end, kinds, min_confidence, 500) e
       where (case direction when 'in' then e.from_key else e.to_key end) <> all (seen)
         and exists (select from cogo.ast_nodes n
                      where n.repo_id = repo.id and n.generation <= repo.generation
                        and n.key = case direction when 'in' then e.from_key else e.to_key end));
  end if;
  return (
    with node as materialized (
      -- a run in progress has a second row for a key; the published one is older
      select distinct on (s.key) s.key, s.depth, s.place, n.id, cogo.node_json(n, repo) as body
        from unnest(seen, depths) with ordinality as s(key, depth, place)
        join cogo.ast_nodes n on n.repo_id = repo.id and n.key = s.key and n.generation <= repo.generation
       order by s.key, n.generation desc
    )
    select jsonb_build_object(
      'nodes', coalesce((select jsonb_agg(n.body || jsonb_build_object('depth', n.depth) order by n.place) from node n), '[]'),
      'edges', coalesce((
        select jsonb_agg(distinct jsonb_build_object(
                 'from', a.id, 'to', b.id, 'kind', e.kind, 'via', e.via, 'provenance', e.provenance, 'confidence', e.confidence,
                 'sites', e.sites, 'line', e.line, 'weight', e.weight, 'observed_at', e.observed_at))
          from jsonb_to_recordset(met) as e(from_key text, to_key text, kind text, via text, provenance text, confidence real,
                 sites int, line int, weight double precision, observed_at timestamptz)
          join node a on a.key = e.from_key
          join node b on b.key = e.to_key), '[]'),
      'truncated', truncated));
end
$$;
