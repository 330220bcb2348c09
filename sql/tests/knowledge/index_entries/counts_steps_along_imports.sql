select note('p', to_jsonb(project('P')));
create function pg_temp.distances() returns text language sql as $$
  select string_agg(path || '=' || distance, ' ' order by path) from cogo.entry_distances where project_id = noted_id('p') $$;
select index_graph(noted_id('p'), 'r', array['a.ts'],
  graph_file('a.ts', '{}', 'a.ts imports b.ts', 'a.ts imports d.ts 0.5'), graph_file('b.ts', '{}', 'b.ts imports c.ts', 'b.ts imports a.ts'),
  graph_file('c.ts', '{}', 'c.ts imports d.ts'), graph_file('d.ts', '{}'), graph_file('lone.ts', '{}'));
select is(pg_temp.distances(), 'a.ts=0 b.ts=1 c.ts=2 d.ts=2', 'a computed import counts twice');
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('b.ts', 'text')));
select cogo_api.index_graph(noted_id('run'), jsonb_build_array(graph_file('b.ts', '{}')));
select cogo_api.index_delete(noted_id('run'), array['d.ts']);
select is(cogo_api.index_entries(noted_id('run'), array['a.ts']), '{"files": 2, "changed": 2, "deepest": 1}'::jsonb, 'a file that goes is no step');
select cogo_api.index_finish(noted_id('run'));
select is(pg_temp.distances(), 'a.ts=0 b.ts=1');
