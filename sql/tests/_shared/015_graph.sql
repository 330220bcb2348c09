-- A file for index_graph: its functions, one a name, and its relationships, each 'from kind to [confidence]'.
create function tests.graph_file(path text, names text[], variadic relations text[] default '{}') returns jsonb language sql as $$
  select jsonb_build_object('path', path,
    'nodes', jsonb_build_array(jsonb_build_object('key', path, 'kind', 'module', 'name', path, 'start_line', 1, 'start_column', 1,
               'end_line', 9, 'end_column', 1)) || coalesce((
      select jsonb_agg(jsonb_build_object('key', path || '#' || n, 'kind', 'function', 'name', substring(n from '[^.]+$'),
               'exported', true, 'start_line', 1, 'start_column', 1, 'end_line', 2, 'end_column', 1)) from unnest(names) n), '[]'),
    'edges', coalesce((
      select jsonb_agg(jsonb_build_object('from', w[1], 'kind', w[2], 'to', w[3], 'confidence', coalesce(w[4]::real, 1),
               'provenance', case when w[4] is null then 'scope' else 'pattern' end, 'line', 1, 'column', 1))
        from unnest(relations) r cross join lateral (select string_to_array(r, ' ') as w) x), '[]'),
    'unresolved', '[]'::jsonb)
$$;

-- Indexes files with their part of the graph as one published run; the run's id.
create function tests.index_graph(project_id uuid, repo text, entries text[], variadic files jsonb[]) returns uuid language plpgsql as $$
declare
  run uuid := cogo_api.index_begin(project_id, repo) ->> 'run_id';
begin
  perform cogo_api.index_put(run, (select jsonb_agg(file(f ->> 'path', 'text')) from unnest(files) f));
  perform cogo_api.index_graph(run, to_jsonb(files));
  perform cogo_api.index_entries(run, entries);
  perform cogo_api.index_finish(run, '{}');
  return run;
end
$$;

-- Keys of the nodes of a walk with their depths, in order.
create function tests.walked(answer jsonb) returns text[] language sql as $$
  select coalesce(array_agg((n.value ->> 'key') || coalesce(' ' || (n.value ->> 'depth'), '') order by n.ordinality), '{}')
    from jsonb_array_elements(answer -> 'nodes') with ordinality n
$$;

-- Edges of an answer as 'from kind to', sorted.
create function tests.edges(answer jsonb) returns text[] language sql as $$
  select coalesce(array_agg((a.value ->> 'name') || ' ' || (e.value ->> 'kind') || ' ' || (b.value ->> 'name')
                    order by a.value ->> 'name', e.value ->> 'kind', b.value ->> 'name'), '{}')
    from jsonb_array_elements(answer -> 'edges') e
    join jsonb_array_elements(answer -> 'nodes') a on a.value -> 'id' = e.value -> 'from'
    join jsonb_array_elements(answer -> 'nodes') b on b.value -> 'id' = e.value -> 'to'
$$;
