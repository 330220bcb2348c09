create function pg_temp.looking(path text, variadic stems text[]) returns jsonb language sql as $$
  select graph_file(path, '{f}') || jsonb_build_object('surface', 's', 'hash', 'h-' || path, 'looks_at', to_jsonb(stems))
$$;
create function pg_temp.found(run uuid, stems text[], folders text[] default '{}') returns text[] language sql as $$
  select coalesce(array_agg(d ->> 'path' order by d ->> 'path'), '{}') from jsonb_array_elements(cogo_api.index_dependents(run, stems, folders)) d
$$;
select note('p', to_jsonb(project('P')));
select index_graph(noted_id('p'), 'r', '{}', pg_temp.looking('a/x.ts', 'lib'), pg_temp.looking('b/y.ts', 'lib', 'z'), graph_file('lib.ts', '{f}'));
select index_graph(noted_id('p'), 'other', '{}', pg_temp.looking('a/x.ts', 'lib'));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select is(pg_temp.found(noted_id('run'), '{lib}'), '{a/x.ts,b/y.ts}');
select is(pg_temp.found(noted_id('run'), '{z,nothing}'), '{b/y.ts}');
select is(pg_temp.found(noted_id('run'), '{}', '{a/}'), '{a/x.ts}', 'all below a folder');
select is(pg_temp.found(noted_id('run'), '{}', array['']), '{a/x.ts,b/y.ts}', 'but none without a graph of its own');
select is(cogo_api.index_dependents(noted_id('run'), '{z}'), '[{"path": "b/y.ts", "hash": "h-b/y.ts"}]'::jsonb);
select cogo_api.index_delete(noted_id('run'), '{b/y.ts}');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('a/x.ts', 'text')));
select cogo_api.index_graph(noted_id('run'), jsonb_build_array(pg_temp.looking('a/x.ts', 'elsewhere')));
select is(pg_temp.found(noted_id('run'), '{lib,z}'), '{}', 'what the run deleted or replaced is past');
select is(pg_temp.found(noted_id('run'), '{elsewhere}'), '{a/x.ts}');
select cogo_api.index_finish(noted_id('run'));
select throws_ok($$select cogo_api.index_dependents(noted_id('run'), '{lib}')$$, 'CG031');
